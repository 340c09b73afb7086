package session

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"
)

// Accounts and events on Redis, and notices, are CBOR (RFC 8949) with small integers for names, which reads and writes
// several times faster than JSON and leaves room for new fields.
var (
	encoder = must(cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode())
	decoder = must(cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// EncodeAccount returns an account in the form that DecodeAccount reads.
func EncodeAccount(a Account) ([]byte, error) { return encoder.Marshal(a) }

// DecodeAccount reads an account.
func DecodeAccount(record []byte) (Account, error) {
	var a Account
	if err := decoder.Unmarshal(record, &a); err != nil {
		return Account{}, fmt.Errorf("decode account: %w", err)
	}
	return a, nil
}

// EncodeEvents returns events in the form that DecodeEvents reads.
func EncodeEvents(events []Event) ([]byte, error) { return encoder.Marshal(events) }

// DecodeEvents reads events.
func DecodeEvents(record []byte) ([]Event, error) {
	var events []Event
	if err := decoder.Unmarshal(record, &events); err != nil {
		return nil, fmt.Errorf("decode events: %w", err)
	}
	return events, nil
}

// EncodeNotice returns the message that carries a notice to an instance's inbox: shard, number and place in
// decimal text, a space between and a newline after, then the events as EncodeEvents wrote them. A store's
// script can put one together.
func EncodeNotice(shard int, mailed Mailed, events []byte) []byte {
	return fmt.Appendf(nil, "%d %d %s\n%s", shard, mailed.Number, mailed.At, events)
}

// DecodeNotice reads what EncodeNotice wrote.
func DecodeNotice(message []byte) (Notice, error) {
	head, body, ok := bytes.Cut(message, []byte("\n"))
	words := bytes.Split(head, []byte(" "))
	if !ok || len(words) != 3 {
		return Notice{}, fmt.Errorf("decode notice: no head in %d bytes", len(message))
	}
	shard, err := strconv.Atoi(string(words[0]))
	if err != nil || shard < 0 || shard >= Shards {
		return Notice{}, fmt.Errorf("decode notice: shard %q", words[0])
	}
	number, err := strconv.ParseUint(string(words[1]), 10, 64)
	if err != nil {
		return Notice{}, fmt.Errorf("decode notice: number %q", words[1])
	}
	events, err := DecodeEvents(body)
	if err != nil {
		return Notice{}, err
	}
	return Notice{Shard: shard, Mailed: Mailed{Number: number, At: string(words[2])}, Events: events}, nil
}
