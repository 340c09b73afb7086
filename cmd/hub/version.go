package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is set at the build of a release: -ldflags "-X main.version=v1.2.3".
var version string

// versionCommand is `hub version`.
type versionCommand struct{}

// Run prints the version, the commit it was built from, and by what for which machine.
func (versionCommand) Run(std streams) error {
	_, err := fmt.Fprintln(std.out, describe(currentBuild()))
	return err
}

// currentBuild returns what this program knows of its own build.
func currentBuild() debug.BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return debug.BuildInfo{}
	}
	return *info
}

// currentVersion returns the version that operators are shown.
func currentVersion() string { return versionOf(currentBuild()) }

func versionOf(build debug.BuildInfo) string {
	return cmp.Or(version, build.Main.Version, "(devel)")
}

// describe puts the facts of a build in one line.
func describe(build debug.BuildInfo) string {
	setting := make(map[string]string)
	for _, s := range build.Settings {
		setting[s.Key] = s.Value
	}
	words := []string{"hub", versionOf(build)}
	if revision := setting["vcs.revision"]; revision != "" {
		revision = revision[:min(len(revision), 12)]
		if setting["vcs.modified"] == "true" {
			revision += ", modified"
		}
		words = append(words, "("+revision+")")
	}
	words = append(words, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	return strings.Join(words, " ")
}
