package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestDescribe(t *testing.T) {
	on := " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	tests := []struct {
		name, flag string
		build      debug.BuildInfo
		want       string
	}{
		{"nothing known", "", debug.BuildInfo{}, "hub (devel)" + on},
		{"go install", "", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "hub v1.2.3" + on},
		{"a commit", "", debug.BuildInfo{Settings: []debug.BuildSetting{commit}}, "hub (devel) (0123456789ab)" + on},
		{"a changed one", "", debug.BuildInfo{Settings: []debug.BuildSetting{commit, modified}},
			"hub (devel) (0123456789ab, modified)" + on},
		{"a release", "v9", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "hub v9" + on},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			version = test.flag
			defer func() { version = "" }()
			if got := describe(test.build); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
