package session

import (
	"strings"
	"unicode"
)

const (
	// maxPlainName and maxPlainMessage bound, in characters, what sentences for people quote.
	maxPlainName    = 120
	maxPlainMessage = 500
	// maxMarks is how many marks a character may bear. No script needs more; towers of them cover what is above.
	maxMarks = 4
)

// unseen are characters that are not seen, or that change how the text around them is seen: controls, formats such as
// overrides of direction (Unicode Technical Report 36), line ends, letters without a shape. The joiners are not among
// them: some scripts and pictures are written with them.
var unseen = []*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp, unicode.Zs, blanks}

var blanks = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x034f, Hi: 0x034f, Stride: 1}, {Lo: 0x115f, Hi: 0x1160, Stride: 1}, {Lo: 0x17b4, Hi: 0x17b5, Stride: 1},
	{Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0x3164, Hi: 0x3164, Stride: 1}, {Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
}}

// plain returns text that anybody may have chosen as one line that can be shown to people, of at most so many
// characters: without what is not seen, joiners that join nothing, and towers of marks. The pages do the same
// (web/sdk/words.js).
func plain(text string, most int) string {
	var out []rune
	var joiner rune
	marks, gap := 0, true
	for _, r := range strings.ToValidUTF8(text, "\ufffd") {
		switch {
		case r == '\u200c' || r == '\u200d':
			if joiner == 0 && !gap {
				joiner = r
			}
		case unicode.In(r, unseen...):
			marks, gap, joiner = 0, true, 0
		case unicode.Is(unicode.M, r) && (gap || marks == maxMarks):
			// It has nothing to stand on, or stands too high.
		default:
			if gap && len(out) > 0 {
				out = append(out, ' ')
			}
			if joiner != 0 {
				out = append(out, joiner)
			}
			if out = append(out, r); unicode.Is(unicode.M, r) {
				marks++
			} else {
				marks = 0
			}
			gap, joiner = false, 0
		}
		if len(out) > most {
			return string(out[:most-1]) + "…"
		}
	}
	return string(out)
}
