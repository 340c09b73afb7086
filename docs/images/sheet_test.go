package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPicturesAreShown(t *testing.T) {
	pages, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`["(](?:docs/)?images/([\w-]+\.png)`)
	var shown []string
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			shown = append(shown, match[1])
			if info, err := os.Stat(match[1]); err != nil || info.Size() > maxBytes {
				t.Errorf("%s shows %s: %v, %v", page, match[1], info, err)
			}
		}
	}
	there, err := filepath.Glob("*.png")
	if err != nil || len(there) < 2 {
		t.Fatal(there, err)
	}
	for _, name := range there {
		if !slices.Contains(shown, name) {
			t.Errorf("nobody shows %s", name)
		}
	}
}

func TestPicturesHaveFewColours(t *testing.T) {
	full := image.NewRGBA(image.Rect(0, 0, 100, 100))
	for y := range 100 {
		for x := range 100 {
			full.Set(x, y, color.RGBA{uint8(x), uint8(y), 0, 255})
		}
		full.Set(0, y, color.White)
	}
	var in bytes.Buffer
	if err := png.Encode(&in, full); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "x.png")
	if err := writePicture(name, in.Bytes()); err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	few, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	white := color.RGBA{255, 255, 255, 255}
	if p, ok := few.(*image.Paletted); !ok || len(p.Palette) != 256 || few.At(0, 50) != white {
		t.Errorf("it is a %T, white is %v", few, few.At(0, 50))
	}
}

func TestPicturesThatAreTooLargeAreNotWritten(t *testing.T) {
	noise := image.NewRGBA(image.Rect(0, 0, 700, 700))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(rand.N(4) * 85)
	}
	var in bytes.Buffer
	if err := png.Encode(&in, noise); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "x.png")
	if err := writePicture(name, in.Bytes()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("said: %v", err)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("it is there")
	}
}
