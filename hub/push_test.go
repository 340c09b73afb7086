package hub_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// push sends a message to all of a user's sessions, or to one, and returns its ID and how many instances it went to.
func (s *site) push(user string, to session.ID, data string) (id string, instances int) {
	s.t.Helper()
	p, err := session.NewPush(to, []byte(data))
	if err != nil {
		s.t.Fatal(err)
	}
	if instances, err = s.reg.Push(context.Background(), user, p); err != nil {
		s.t.Fatal(err)
	}
	return p.ID.String(), instances
}

// gets wants a message with this data as what comes next.
func (c *socket) gets(data string) map[string]any {
	c.t.Helper()
	text, ok := <-c.messages
	if !ok {
		c.t.Fatalf("closed with %v, want %s", c.closed, data)
	}
	var m map[string]any
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber()
	if err := numbers.Decode(&m); err != nil {
		c.t.Fatal(err)
	}
	if m["type"] != "message" || !bytes.HasSuffix(text, []byte(`"data":`+data+"}")) {
		c.t.Fatalf("got %s, want a message of %s", text, data)
	}
	return m
}

func TestMessagesReachTheConnectionsTheyAreFor(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.Limit = 2
		laptop, phone := s.login("alice", "laptop"), s.login("alice", "phone")
		tab, other := s.twoTabs(laptop)
		mobile, bob := s.connected(phone), s.connected(s.login("bob", "laptop"))
		if id, n := s.push("alice", session.ID{}, `{"to":"all"}`); n != 1 {
			t.Errorf("to %d instances, want 1", n)
		} else {
			for _, c := range []*socket{tab, other, mobile} {
				m := c.gets(`{"to":"all"}`)
				at, err := time.Parse("2006-01-02T15:04:05.000Z", m["at"].(string))
				if m["id"] != id || err != nil || time.Since(at).Abs() > time.Second {
					t.Errorf("got %v, want the ID %s and the time", m, id)
				}
			}
		}
		id, _ := s.push("alice", phone.ID, `"to the phone"`)
		mobile.gets(`"to the phone"`)
		s.push("bob", session.ID{}, `"to bob"`)
		bob.gets(`"to bob"`)
		s.push("alice", laptop.ID, `"to the laptop"`)
		tab.gets(`"to the laptop"`)
		other.gets(`"to the laptop"`)
		if _, n := s.push("nobody", session.ID{}, `1`); n != 0 {
			t.Errorf("to %d instances of nobody", n)
		}

		mobile.say(`{"type":"ack","id":"` + id + `"}`)
		synctest.Wait()
		if stats := s.hub.Stats(); stats.MessagesSent != 7 || stats.MessagesAcked != 1 || stats.MessagesLost != 0 {
			t.Errorf("stats: %+v", stats)
		}
		p, err := session.NewPush(credential("alice").ID, []byte("1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.reg.Push(context.Background(), "alice", p); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("to a session that is not there: %v, want ErrNoSession", err)
		}
	})
}

func TestMessagesCarryAnyValue(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		c := s.connected(s.login("alice", "laptop"))
		for _, data := range []string{
			"null", "true", "false", "0", "-0", "-1.50", "1e400", "123456789012345678901234567890.000000000000000000001",
			`""`, `"\u00e9é\u2028<&>\/"`, `"\ud83e\udd8a🦊"`, "[]", "{}", `[[],{"":null}]`, `{"b":1,"a":{"type":"welcome"}}`,
			`"` + strings.Repeat("x", session.MaxPush-2) + `"`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		} {
			s.push("alice", session.ID{}, data)
			c.gets(data)
		}
	})
}

func TestMessagesKeepTheirOrder(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		one, two := s.twoTabs(s.login("alice", "laptop"))
		go func() {
			for i := range 200 {
				s.push("alice", session.ID{}, fmt.Sprint(i))
			}
		}()
		for i := range 200 {
			one.gets(fmt.Sprint(i))
			two.gets(fmt.Sprint(i))
		}
	})
}

// A message that is sent while the store attaches a connection waits for the welcome; a connection that turns out to
// have no right to the session never gets it.
func TestMessagesWaitForTheWelcome(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		early := func(data string) {
			s.store.set(func(call string, run func()) error {
				run()
				if call == "attach" {
					s.store.set(nil)
					s.push("alice", session.ID{}, data)
					synctest.Wait()
				}
				return nil
			})
		}
		early(`"early"`)
		c := s.connected(cred)
		c.gets(`"early"`)
		forged := cred
		forged.Digest[0]++
		early(`"not for the forged"`)
		s.dial(forged).revoked(session.Unknown)
		c.gets(`"not for the forged"`)
		if lost := s.hub.Stats().MessagesLost; lost != 0 {
			t.Errorf("%d messages lost, want none", lost)
		}
	})
}

func TestMessagesThatComeTwiceAreSentOnce(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.inbox.set(func([]byte) int { return 3 })
		c := s.connected(s.login("alice", "laptop"))
		for _, data := range []string{"1", "2", "2"} { // the last two are different messages
			s.push("alice", session.ID{}, data)
			c.gets(data)
		}
		time.Sleep(time.Minute) // the bubble's
		s.push("alice", session.ID{}, "3")
		c.gets("3")
	})
}

func TestANoticeOvertakesAllThatWaits(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		conn, buf := s.handshake(s.login("alice", "laptop"))
		defer conn.Close()
		if _, _, err := readFrame(buf); err != nil {
			t.Fatal(err)
		}
		passed := s.inbox.stepwise()
		for i := range 256 {
			s.push("alice", session.ID{}, fmt.Sprint(i))
			<-passed
		}
		synctest.Wait()
		s.login("alice", "phone")
		<-passed // nobody need wait for the message that is being written
		var got []string
		for {
			opcode, payload, err := readFrame(buf)
			if err != nil {
				t.Fatal(err)
			}
			if opcode == opClose {
				if code := binary.BigEndian.Uint16(payload); code != uint16(hub.CodeRevoked) {
					t.Errorf("closed with %d", code)
				}
				break
			}
			var m struct{ Type string }
			if err := json.Unmarshal(payload, &m); err != nil {
				t.Fatal(err)
			}
			got = append(got, m.Type)
		}
		// The one whose sending had begun, and then the notice.
		if want := "message session.revoked"; strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
		if lost := s.hub.Stats().MessagesLost; lost != 0 {
			t.Errorf("%d messages lost: of a session that has ended, nobody asks for them", lost)
		}
	})
}

// missed connects and returns what the welcome says of lost messages.
func (s *site) missed(cred session.Credential) any {
	s.t.Helper()
	c := s.dial(cred)
	defer c.CloseNow()
	m := c.next()
	if m["type"] != "welcome" {
		s.t.Fatalf("got %v, want a welcome", m)
	}
	return m["missed_at"]
}

func TestOneThatNeverReadsItsMessagesIsCutAndTold(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.Limit = 2
		cred := s.login("alice", "laptop")
		silent := s.silent(cred)
		defer silent.Close()
		tab, phone := s.connected(cred), s.connected(s.login("alice", "phone"))
		began := time.Now()
		for i := range 300 {
			s.push("alice", session.ID{}, fmt.Sprint(i))
			tab.gets(fmt.Sprint(i))
			phone.gets(fmt.Sprint(i))
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the others waited for %s", took)
		}
		time.Sleep(6 * time.Second) // the bubble's: until the deadline for a write has passed
		stats := s.hub.Stats()
		if stats.Connections != 2 || stats.SlowClients != 1 || stats.MessagesLost != 300 || stats.MessagesSent != 600 {
			t.Errorf("stats %+v: want the silent one cut, and all that it missed counted", stats)
		}
		at, _ := s.missed(cred).(string)
		lost, err := time.Parse(time.RFC3339, at)
		if err != nil || lost.Before(began) || lost.After(began.Add(6*time.Second)) {
			t.Errorf("missed at %q, want while it was silent", at)
		}
		time.Sleep(time.Second)
		if again := s.missed(cred); again != nil {
			t.Errorf("told again: %v", again)
		}
	})
}

func TestOneThatReadsTooSlowlyIsCutWith1008(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		conn, buf := s.handshake(cred)
		defer conn.Close()
		if _, _, err := readFrame(buf); err != nil {
			t.Fatal(err)
		}
		// One is being sent, the largest number may wait, and one is too much.
		for i := range 1 + 64 + 1 {
			s.push("alice", session.ID{}, `"`+strings.Repeat(string('a'+rune(i%26)), session.MaxPush-2)+`"`)
		}
		synctest.Wait()
		if opcode, payload, err := readFrame(buf); opcode != opText || err != nil || !bytes.Contains(payload, []byte("aaa")) {
			t.Fatalf("opcode %d, %v; want the first message", opcode, err)
		}
		opcode, payload, err := readFrame(buf)
		if opcode != opClose || err != nil || binary.BigEndian.Uint16(payload) != 1008 || string(payload[2:]) != hub.TooSlow {
			t.Fatalf("opcode %d, %.100q, %v; want to be closed with 1008", opcode, payload, err)
		}
		// By then the store knows.
		if s.missed(cred) == nil {
			t.Error("it is not told")
		}
		if stats := s.hub.Stats(); stats.SlowClients != 1 || stats.MessagesLost != 65 || stats.MessagesSent != 1 {
			t.Errorf("stats: %+v", stats)
		}
	})
}

func TestALossIsToldThoughTheStoreWasAway(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		silent := s.silent(cred)
		defer silent.Close()
		s.push("alice", session.ID{}, `1`)
		away := errors.Join(session.ErrUnavailable, errors.New("it is away"))
		s.store.set(func(string, func()) error { return away })
		time.Sleep(20 * time.Second)
		if n := s.hub.Stats().Connections; n != 0 {
			t.Errorf("%d connections are left", n)
		}
		s.store.set(nil)
		time.Sleep(5 * time.Second)
		if s.missed(cred) == nil {
			t.Error("it is not told")
		}
	})
}

// A welcome that did not get through has told nobody of a loss: the next one does.
func TestALossIsToldByAWelcomeThatArrives(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		silent := s.silent(cred)
		s.push("alice", session.ID{}, `1`)
		synctest.Wait()
		silent.Close()
		time.Sleep(5 * time.Second)
		deaf, _ := s.handshake(cred)
		time.Sleep(10 * time.Second) // until the deadline for the welcome has passed
		deaf.Close()
		time.Sleep(5 * time.Second)
		if s.missed(cred) == nil {
			t.Error("it is not told")
		}
	})
}

// A connection that is drained, or that its client closes, before all has been sent to it has missed the rest.
func TestWhatWaitsAtACloseIsMissed(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		silent := s.silent(cred)
		for i := range 10 {
			s.push("alice", session.ID{}, fmt.Sprint(i))
		}
		synctest.Wait()
		silent.Close()
		time.Sleep(5 * time.Second)
		if stats := s.hub.Stats(); stats.MessagesLost != 10 || stats.SlowClients != 0 {
			t.Errorf("stats: %+v", stats)
		}
		if s.missed(cred) == nil {
			t.Error("it is not told")
		}
	})
}

func TestMessagesComeUntilTheEndOfADrain(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		c := s.connected(s.login("alice", "laptop"))
		drained := make(chan struct{})
		go func() {
			s.hub.Drain(context.Background(), 20*time.Second)
			close(drained)
		}()
		if m := c.next(); m["type"] != "reconnect" {
			t.Fatalf("got %v", m)
		}
		s.push("alice", session.ID{}, `"still here"`)
		c.gets(`"still here"`)
		c.closedWith(hub.CodeGoingAway, "going away")
		<-drained
		if _, n := s.push("alice", session.ID{}, `"gone"`); n != 0 {
			t.Errorf("to %d instances after the drain", n)
		}
	})
}
