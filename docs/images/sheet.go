package main

import (
	"bytes"
	_ "embed" // the sheet
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"slices"
)

//go:embed sheet.html
var sheetText string

var sheet = template.Must(template.New("sheet").Parse(sheetText))

// dataURL returns a picture as an address.
func dataURL(picture []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)
}

// sheetOf returns the page that shows the windows of the laptop and the phone.
func sheetOf(left, right string) (string, error) {
	var out bytes.Buffer
	err := sheet.Execute(&out, map[string]template.URL{"Left": template.URL(left), "Right": template.URL(right)})
	return out.String(), err
}

// maxBytes bounds a picture, as everybody who opens the README loads it.
const maxBytes = 200 << 10

// writePicture writes a picture in at most 256 colours.
func writePicture(name string, picture []byte) error {
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return err
	}
	few := image.NewPaletted(full.Bounds(), palette(full))
	draw.Draw(few, few.Bounds(), full, full.Bounds().Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few); err != nil {
		return err
	}
	if out.Len() > maxBytes {
		return fmt.Errorf("%s would have %d bytes, more than %d", name, out.Len(), maxBytes)
	}
	return os.WriteFile(name, out.Bytes(), 0o644)
}

// palette returns the 256 colours that a picture has most of. Pages have few: what is left out are edges of letters,
// which have others near them.
func palette(picture image.Image) color.Palette {
	count := make(map[color.RGBA]int)
	b := picture.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			count[color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)]++
		}
	}
	colours := make([]color.RGBA, 0, len(count))
	for c := range count {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int {
		if n := count[b] - count[a]; n != 0 {
			return n
		}
		return int(a.R)<<16 + int(a.G)<<8 + int(a.B) - int(b.R)<<16 - int(b.G)<<8 - int(b.B)
	})
	var chosen color.Palette
	for _, c := range colours[:min(256, len(colours))] {
		chosen = append(chosen, c)
	}
	return chosen
}
