package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// names are those of the people in the picture. Each has a few devices, and now and then a tab is left open.
var names = strings.Fields("ada alan anna barbara ben carol chen clara dana david edith elena emil eva farid fatima felix " +
	"finn george grace hana hugo ida igor ines ivan jane jonas julia karim kim lara leo linus lisa lucia maria max maya " +
	"mia mila nadia nina noah omar otto paul petra rosa sami sara sofia theo tomas vera viktor yara yuki zoe")

// machine is a kind of device that people have.
type machine struct{ name, kind, userAgent string }

var machines = []machine{
	{"MacBook Air", "web", laptop.userAgent},
	{"iPhone", "mobile", phone.userAgent},
	{"Work PC", "web", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"},
	{"Firefox at home", "web", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"},
	{"Pixel 9", "mobile", "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36"},
}

// crowd is people who use a hub, at any of its instances.
type crowd struct{ hubs []*url.URL }

// comeAndGo has people sign in, be signed out and leave, for as long as they come. Their sockets stay open until ctx
// ends.
func (c *crowd) comeAndGo(coming, ctx context.Context) error {
	for i := 0; coming.Err() == nil; i++ {
		name := names[rand.N(len(names))]
		var err error
		switch {
		case i > len(names) && rand.N(9) == 0:
			err = c.fail(ctx, name)
		case i > len(names) && rand.N(25) == 0:
			err = c.end(ctx, name, "")
		default:
			err = c.enter(ctx, name, machines[rand.N(len(machines))])
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-coming.Done():
		case <-time.After(time.Duration(float64(2*time.Second) * rand.ExpFloat64())):
		}
	}
	return nil
}

// enter opens a session, and a socket for it. Some who sign in leave again by themselves.
func (c *crowd) enter(ctx context.Context, name string, on machine) error {
	var opened struct{ Token string }
	device := map[string]any{"id": name + on.name, "name": on.name, "kind": on.kind}
	err := c.ask(ctx, http.MethodPost, "/v1/admin/sessions", map[string]any{
		"user": name, "device": device, "ip": addressOf(name, on), "user_agent": on.userAgent}, &opened)
	if err != nil {
		return err
	}
	socket, _, err := websocket.Dial(ctx, strings.Replace(c.any(), "http", "ws", 1)+"/v1/connect",
		&websocket.DialOptions{Subprotocols: []string{"sessionhub.v1", "bearer." + opened.Token}})
	if err != nil {
		return err
	}
	if name != user && rand.N(8) == 0 {
		time.AfterFunc(time.Duration(rand.N(int64(2*time.Minute))), func() {
			_ = wsjson.Write(ctx, socket, map[string]string{"type": "logout"})
		})
	}
	go listen(ctx, socket, name != user && rand.N(12) == 0)
	return nil
}

// listen acknowledges notices, about as soon as a screen shows them. Who is deaf does not.
func listen(ctx context.Context, socket *websocket.Conn, deaf bool) {
	defer socket.CloseNow()
	for {
		var m struct{ Type, ID string }
		if wsjson.Read(ctx, socket, &m) != nil {
			return
		}
		if m.Type == "session.revoked" && !deaf {
			time.Sleep(10*time.Millisecond + rand.N(30*time.Millisecond))
			_ = wsjson.Write(ctx, socket, map[string]string{"type": "ack", "id": m.ID})
		}
	}
}

// fail types a wrong password.
func (c *crowd) fail(ctx context.Context, name string) error {
	err := c.ask(ctx, http.MethodPost, "/v1/login", map[string]any{"username": name, "password": "a wrong one"}, nil)
	if _, refused := errors.AsType[refusal](err); refused {
		return nil
	}
	return err
}

// end ends all sessions of somebody.
func (c *crowd) end(ctx context.Context, name, message string) error {
	return c.ask(ctx, http.MethodDelete, "/v1/admin/users/"+name+"/sessions", map[string]any{"message": message}, nil)
}

// refusal is an answer that is none of success.
type refusal struct{ status, said string }

func (r refusal) Error() string { return r.status + ": " + r.said }

// any returns the address of one of the instances.
func (c *crowd) any() string { return c.hubs[rand.N(len(c.hubs))].String() }

// ask calls one of the instances.
func (c *crowd) ask(ctx context.Context, method, path string, body map[string]any, result any) error {
	for name, value := range body {
		if value == "" {
			delete(body, name)
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.any()+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + apiKey},
		"X-Forwarded-For": {fmt.Sprintf("203.0.113.%d", rand.N(250))}}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		return errors.Join(err, refusal{answer.Status, string(said)})
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(said, result)
}

// addressOf returns where somebody's device is: the same each time.
func addressOf(name string, on machine) string {
	sum := byte(0)
	for _, c := range []byte(name + on.name) {
		sum = 31*sum + c
	}
	if on.kind == "mobile" {
		return fmt.Sprintf("198.51.100.%d", sum)
	}
	return fmt.Sprintf("203.0.113.%d", sum)
}
