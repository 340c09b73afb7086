package main

import "testing"

func TestTrimmer(t *testing.T) {
	const mb = 1 << 20
	tests := []struct {
		name      string
		allocated uint64 // since the last look
		live      uint64
		idle      uint64
		want      bool
	}{
		{"after a storm", 1 * mb, 20 * mb, 200 * mb, true},
		{"during a storm", 500 * mb, 200 * mb, 200 * mb, false},
		{"nothing to give", 1 * mb, 20 * mb, 5 * mb, false},
		{"many sockets that are kept alive", 20 * mb, 200 * mb, 50 * mb, true},
		{"many sockets that are busy", 60 * mb, 200 * mb, 50 * mb, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			freed := false
			now := heap{allocated: 1000*mb + test.allocated, live: test.live, idle: test.idle}
			trim := trimmer{read: func() heap { return now }, free: func() { freed = true }, allocated: 1000 * mb}
			trim.look()
			if freed != test.want {
				t.Errorf("gave back: %t, want %t", freed, test.want)
			}
			if trim.allocated != now.allocated {
				t.Error("the next look would count this time again")
			}
		})
	}
}

func TestReadHeap(t *testing.T) {
	if got := readHeap(); got.allocated == 0 || got.idle == 0 {
		t.Errorf("got %+v", got)
	}
}
