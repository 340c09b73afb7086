package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// picturesOfDashboard takes those of two hubs on one Redis, after people have come and gone for a while.
func picturesOfDashboard(ctx context.Context, hub *program, folder string, span time.Duration) (err error) {
	redis, stop, err := startRedis(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	people := &crowd{}
	for range 2 {
		at, stop, err := hub.serve(ctx, "--redis=redis://"+redis, "--max-connections=5000")
		if err != nil {
			return err
		}
		defer func() { _ = stop() }() // before the Redis
		people.hubs = append(people.hubs, at)
	}
	log.Printf("%s/admin is the dashboard, with the key %s, for %v", people.hubs[0], apiKey, span)
	coming, leave := context.WithTimeout(ctx, span)
	defer leave()
	if err := people.comeAndGo(coming, ctx); err != nil {
		return err
	}
	if err := people.story(ctx); err != nil {
		return err
	}
	browser, stopBrowser, err := startBrowser(ctx)
	if err != nil {
		return err
	}
	defer stopBrowser()
	for _, theme := range themes {
		if err := lookAt(browser, people.hubs[0], folder, theme); err != nil {
			return fmt.Errorf("the dashboard, %s: %w", theme, err)
		}
	}
	return nil
}

// story is what happens to one user, who is looked at: a newer login took over, and then an operator had something to say.
func (c *crowd) story(ctx context.Context) error {
	for _, on := range []int{0, 1, 3, 2} {
		if err := c.enter(ctx, user, machines[on]); err != nil {
			return err
		}
	}
	if err := c.end(ctx, user, "Your phone was reported as stolen. Please choose a new password."); err != nil {
		return err
	}
	return errors.Join(c.enter(ctx, user, machines[0]), c.awaitReceipts(ctx))
}

// awaitReceipts waits until all devices of the story have said that they have shown their notices.
func (c *crowd) awaitReceipts(ctx context.Context) error {
	for {
		var all struct{ Ended []struct{ Receipt any } }
		err := c.ask(ctx, http.MethodGet, "/v1/admin/users/"+user+"/sessions?ended=true", nil, &all)
		if err != nil {
			return err
		}
		open := 0
		for _, ended := range all.Ended {
			if ended.Receipt == nil {
				open++
			}
		}
		if open == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lookAt takes the pictures of the charts, and of the user of the story.
func lookAt(browser context.Context, at *url.URL, folder, theme string) error {
	window, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer stop()
	look := func(height int64) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "en-GB"})
			return errors.Join(err, view(ctx, t, 1280, height, theme))
		})
	}
	err := chromedp.Do(window, look(1010), chromedp.Navigate(at.String()+"/admin"), chromedp.WaitVisible("#key"),
		chromedp.SendKeys("#key", apiKey+"\r"),
		until(`document.querySelectorAll(".health").length === 2 && document.querySelector("#event-list .rows-body .row")`))
	if err != nil {
		return err
	}
	if err := shoot(window, chromedp.CaptureScreenshot(), filepath.Join(folder, "dashboard-"+theme+".png")); err != nil {
		return err
	}
	err = chromedp.Do(window, look(720), chromedp.Navigate(at.String()+"/admin#user="+user),
		until(`document.querySelectorAll("#user-ended li").length === 4`))
	if err != nil {
		return err
	}
	return shoot(window, chromedp.CaptureScreenshot(), filepath.Join(folder, "dashboard-user-"+theme+".png"))
}

// shoot takes a picture and writes it.
func shoot(window context.Context, taken chromedp.Action[[]byte], name string) error {
	picture, err := chromedp.Run(window, taken)
	if err != nil {
		return err
	}
	return writePicture(name, picture)
}
