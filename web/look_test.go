package web_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// look is a way to look at a page.
type look struct {
	width, height int64
	dark, forced  bool // the colours are those of a theme for the dark; of the system, whatever the page says
}

// looks are those that all pages are held to: a desk and a phone, by day and by night.
var looks = []look{
	{1280, 800, false, false}, {1280, 800, true, false}, {360, 740, false, false}, {360, 740, true, false},
}

func (l look) String() string {
	name := fmt.Sprint(l.width)
	if l.dark {
		name += "-dark"
	}
	if l.forced {
		name += "-forced"
	}
	return name
}

// take shows a page in this way. It stands still meanwhile, as for people who have asked for it.
func (l look) take(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1})
	if err != nil {
		return chromedp.Void{}, err
	}
	features := []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: "light"}, {Name: "prefers-reduced-motion", Value: "reduce"},
		{Name: "forced-colors", Value: "none"},
	}
	if l.dark {
		features[0].Value = "dark"
	}
	if l.forced {
		features[2].Value = "active"
	}
	_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	return chromedp.Void{}, err
}

// darkly asks for dark colours.
func darkly(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	return chromedp.Void{}, err
}

// usual is the window as it was opened.
func usual(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, t, emulation.ClearDeviceMetricsOverride, cdp.Empty{})
	if err == nil {
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	}
	return chromedp.Void{}, err
}

// see waits for an element, and returns the text of the page. With SCREENSHOTS set, it leaves a picture there.
func (w *window) see(selector, name string) string {
	w.Helper()
	w.do(chromedp.WaitVisible(selector))
	w.leave(name+".png", func() []byte { return get(w, chromedp.FullScreenshot(100)) })
	return get(w, chromedp.Text("main"))
}

// shot leaves pictures of the page in the folder of SCREENSHOTS, in all ways to look at it, and what a screen reader
// finds in it. Without such a folder it does nothing.
func (w *window) shot(name string) {
	w.Helper()
	if os.Getenv("SCREENSHOTS") == "" {
		return
	}
	for _, l := range append(looks[:len(looks):len(looks)], look{width: 1280, height: 800, forced: true}) {
		w.do(l.take)
		w.leave(name+"-"+l.String()+".png", func() []byte { return get(w, chromedp.FullScreenshot(100)) })
	}
	w.do(usual)
	w.leave(name+".txt", func() []byte { return []byte(w.spoken()) })
}

// picture leaves one of what the window shows.
func (w *window) picture(name string) {
	w.Helper()
	w.leave(name+".png", func() []byte { return get(w, chromedp.CaptureScreenshot()) })
}

// pictures leaves pictures of what the window shows, in all colours.
func (w *window) pictures(name string, at look) {
	w.Helper()
	for _, l := range []look{{dark: true}, {forced: true}, {}} {
		l.width, l.height = at.width, at.height
		w.do(l.take)
		w.picture(name + "-" + l.String())
	}
}

// leave writes a file into the folder of SCREENSHOTS, if there is one.
func (w *window) leave(name string, content func() []byte) {
	w.Helper()
	if folder := os.Getenv("SCREENSHOTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, name), content(), 0o644); err != nil {
			w.Error(err)
		}
	}
}

// spoken returns the accessibility tree of the page, a line for each element that has something to say.
func (w *window) spoken() string {
	w.Helper()
	tree, err := chromedp.Call(w.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		w.Fatal(err)
	}
	nodes := make(map[accessibility.NodeID]*accessibility.Node)
	for _, n := range tree.Nodes {
		nodes[n.NodeID] = n
	}
	var out strings.Builder
	var tell func(n *accessibility.Node, depth int)
	tell = func(n *accessibility.Node, depth int) {
		if n == nil {
			return
		}
		if role := said(n.Role); !n.Ignored && role != "none" && role != "generic" && role != "InlineTextBox" {
			fmt.Fprintf(&out, "%s%s", strings.Repeat("  ", depth), role)
			for _, v := range []*accessibility.Value{n.Name, n.Description, n.Value} {
				if text := said(v); text != "" {
					fmt.Fprintf(&out, " %q", text)
				}
			}
			for _, p := range n.Properties {
				if text := said(p.Value); text != "" && text != "false" {
					fmt.Fprintf(&out, " %s=%s", p.Name, text)
				}
			}
			out.WriteByte('\n')
			depth++
		}
		for _, id := range n.ChildIDs {
			tell(nodes[id], depth)
		}
	}
	if len(tree.Nodes) > 0 {
		tell(tree.Nodes[0], 0)
	}
	return out.String()
}

func said(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}
