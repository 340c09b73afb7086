package main

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// device is one of the two in the picture.
type device struct {
	userAgent, address string
	width, height      int64
}

var (
	laptop = device{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/131.0.0.0 Safari/537.36", "203.0.113.24", 660, 520}
	phone = device{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
		"Version/18.1 Mobile/15E148 Safari/604.1", "198.51.100.7", 330, 510}
)

// startBrowser starts a browser that shows no scroll bars.
func startBrowser(ctx context.Context) (browser context.Context, stop func(), err error) {
	allocator, stopAllocator := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true))...)
	browser, stopBrowser := chromedp.NewContext(allocator)
	stop = func() { stopBrowser(); stopAllocator() }
	if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
		stop()
		return nil, nil, fmt.Errorf("start chromium: %w", err)
	}
	return browser, stop, nil
}

// takePicture signs in on the laptop and then on the phone, and returns what both show, as one picture.
func takePicture(ctx context.Context, app, theme string) ([]byte, error) {
	browser, stop, err := startBrowser(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	old, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer stop()
	signedIn := until(`state.textContent === "Signed in"`)
	if err := chromedp.Do(old, laptop.in(theme), signIn(app), signedIn); err != nil {
		return nil, fmt.Errorf("the laptop: %w", err)
	}
	latest, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer stop()
	if err := chromedp.Do(latest, phone.in(theme), signIn(app), signedIn); err != nil {
		return nil, fmt.Errorf("the phone: %w", err)
	}
	told := until(`notice.shadowRoot.querySelector("dialog[open]")`)
	if err := chromedp.Do(old, told); err != nil {
		return nil, fmt.Errorf("the laptop is not told: %w", err)
	}
	var shots [2]string
	for i, window := range []context.Context{old, latest} {
		shot, err := chromedp.Run(window, chromedp.CaptureScreenshot())
		if err != nil {
			return nil, err
		}
		shots[i] = dataURL(shot)
	}
	return compose(browser, theme, shots[0], shots[1])
}

// in makes a window that of a device, with the colours of a theme.
func (d device) in(theme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, emulation.SetUserAgentOverride,
			emulation.SetUserAgentOverrideParams{UserAgent: d.userAgent, AcceptLanguage: "en-GB"}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
			Headers: network.Headers{addressHeader: d.address},
		}); err != nil {
			return err
		}
		return view(ctx, t, d.width, d.height, theme)
	})
}

// view sets the size of a window, in points of two pixels, and its colours. Nothing moves in it.
func view(ctx context.Context, t *chromedp.Target, width, height int64, theme string) error {
	if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 2}); err != nil {
		return err
	}
	features := []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}
	_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	return err
}

// signIn opens the app, which leads to the hub's page for signing in and back.
func signIn(app string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		return chromedp.Do(ctx, chromedp.Navigate(app), chromedp.WaitVisible("#username"),
			chromedp.SendKeys("#username", user), chromedp.SendKeys("#password", password+"\r"),
			chromedp.WaitVisible("#app"))
	})
}

// until waits for a script's condition.
func until(condition string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Run(ctx,
			chromedp.Poll[bool]("!!("+condition+")", chromedp.WithPollingTimeout(20*time.Second)))
		return err
	})
}

// compose puts the two windows beside each other.
func compose(browser context.Context, theme, left, right string) ([]byte, error) {
	sheet, stop := chromedp.NewContext(browser)
	defer stop()
	var html string
	err := chromedp.Do(sheet, chromedp.Navigate("about:blank"),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
			if html, err = sheetOf(left, right); err != nil {
				return err
			}
			return view(ctx, t, 1100, 640, theme)
		}),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			tree, err := cdp.Call(ctx, t, page.GetFrameTree, cdp.Empty{})
			if err == nil {
				_, err = cdp.Call(ctx, t, page.SetDocumentContent,
					page.SetDocumentContentParams{FrameID: tree.FrameTree.Frame.ID, HTML: html})
			}
			return err
		}),
		until(`[...document.images].every((i) => i.complete && i.naturalWidth > 0)`))
	if err != nil {
		return nil, err
	}
	return chromedp.Run(sheet, chromedp.CaptureScreenshot())
}
