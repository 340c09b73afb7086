package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sessionhub/sessionhub/session"
)

// The bounds of what a request may say, in bytes where they are of text.
const (
	maxBody       = 64 << 10
	maxUser       = 256
	maxPassword   = 1024
	maxTicket     = 256
	maxDeviceID   = 128
	maxDeviceName = 128
	maxUserAgent  = 512
	maxMessage    = 500
	maxAttributes = 16
	maxAttribute  = 64  // an attribute's name
	maxValue      = 256 // and its value
	maxFieldName  = 100 // of a field that is not known, as problems name it
)

// fields collects what is wrong with the fields of a request, so that it is all said at once.
type fields struct{ errs []fieldError }

// fail notes what is wrong with a field.
func (f *fields) fail(name, format string, args ...any) {
	f.errs = append(f.errs, fieldError{Field: name, Message: fmt.Sprintf(format, args...)})
}

// text wants valid UTF-8 of least to most bytes.
func (f *fields) text(name, value string, least, most int) {
	switch {
	case len(value) < least && least == 1:
		f.fail(name, "is required")
	case len(value) < least || len(value) > most:
		f.fail(name, "has %d bytes; want %d to %d", len(value), least, most)
	case !utf8.ValidString(value):
		f.fail(name, "is not valid UTF-8")
	}
}

// wrap notes err as what is wrong with a field, unless it is nil.
func (f *fields) wrap(name string, err error) {
	if err != nil {
		f.fail(name, "%s", err)
	}
}

// address wants an IP address and returns it in its usual form.
func (f *fields) address(name, value string) string {
	ip, err := netip.ParseAddr(value)
	if err != nil {
		f.fail(name, "is not an IP address")
		return ""
	}
	return ip.Unmap().WithZone("").String()
}

// device wants a device whose parts are in bounds; parts that are absent are made up later.
func (f *fields) device(name string, d *deviceInput) {
	if d == nil {
		return
	}
	if d.ID != nil {
		f.text(name+".id", *d.ID, 1, maxDeviceID)
	}
	f.text(name+".name", d.Name, 0, maxDeviceName)
	if d.Kind != "" && !d.Kind.Known() {
		f.fail(name+".kind", "is none of %v", session.Kinds)
	}
}

// attributes wants a few short ones.
func (f *fields) attributes(name string, attributes map[string]string) {
	if len(attributes) > maxAttributes {
		f.fail(name, "has %d entries; want %d at most", len(attributes), maxAttributes)
		return
	}
	for key, value := range attributes {
		f.text(name+" (an entry's name)", key, 1, maxAttribute)
		f.text(name+" (an entry's value)", value, 0, maxValue)
	}
}

// err returns the problem that the fields are, or nil.
func (f *fields) err() error {
	if len(f.errs) == 0 {
		return nil
	}
	return invalid(f.errs...)
}

// decode reads a whole JSON body into v. It refuses unknown and repeated names, invalid UTF-8 and anything
// after the value, and says where, but never what stood there.
func decode(body []byte, v any) error {
	err := json.Unmarshal(body, v, json.RejectUnknownMembers(true))
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return invalid(fieldError{fieldName(syntactic.JSONPointer), "is there twice"})
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return invalid(fieldError{fieldName(semantic.JSONPointer), "is not a known field"})
	case errors.As(err, &semantic):
		return invalid(fieldError{fieldName(semantic.JSONPointer), "is not what belongs there"})
	case errors.As(err, &syntactic):
		return malformed(syntactic.ByteOffset)
	default:
		return err
	}
}

// malformed returns the problem of a body that is no JSON from the given byte on.
func malformed(at int64) *problem {
	return newProblem(http.StatusBadRequest, "malformed", "The body cannot be read",
		fmt.Sprintf("The body is not one JSON value: trouble at byte %d.", at))
}

// fieldName turns a JSON pointer into the name of a field, cut where a client made it long.
func fieldName(at jsontext.Pointer) string {
	name := strings.Join(strings.Split(strings.TrimPrefix(string(at), "/"), "/"), ".")
	if name == "" {
		return "body"
	}
	if len(name) > maxFieldName {
		name = clip(name, maxFieldName) + "…"
	}
	return name
}
