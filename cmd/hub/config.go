package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// configFlag is the path of a YAML file with values for the flags of its command. A flag given on the command
// line wins over the environment, which wins over the file.
type configFlag string

// BeforeResolve reads the file, before any flag has its final value. Kong calls it for every command that has
// such a flag, and only the one that was asked for is meant.
func (configFlag) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	command := ctx.Selected()
	if command == nil || !slices.Contains(command.Flags, trace.Flag) {
		return nil
	}
	path := string(ctx.FlagValue(trace.Flag).(configFlag))
	if path == "" {
		return nil
	}
	file, err := readConfig(path)
	if err != nil {
		return err
	}
	if err := file.check(command); err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

// configFile is what a configuration file says, by the name of the flag.
type configFile struct {
	path   string
	values map[string]configValue
}

type configValue struct {
	line int
	node ast.Node
}

// readConfig reads the file. Its errors name the line, and never quote it: it may hold a secret.
func readConfig(path string) (*configFile, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	file := &configFile{path: path, values: make(map[string]configValue)}
	tree, err := parser.ParseBytes(source, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, withoutSource(err))
	}
	var body ast.Node
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			return nil, fmt.Errorf("%s:%d: want one document", path, lineOf(doc.Body))
		}
		body = doc.Body
	}
	if body == nil {
		return file, nil
	}
	mapping, ok := body.(*ast.MappingNode)
	if !ok {
		return nil, fmt.Errorf("%s:%d: want lines of the form \"key: value\"", path, lineOf(body))
	}
	for _, entry := range mapping.Values {
		name := entry.Key.GetToken().Value
		file.values[name] = configValue{line: lineOf(entry.Key), node: entry.Value}
	}
	return file, nil
}

// check refuses keys that are no flag of the command, the first of the file first.
func (f *configFile) check(command *kong.Node) error {
	first, name := 0, ""
	for key, value := range f.values {
		known := slices.ContainsFunc(command.Flags, func(flag *kong.Flag) bool {
			return flag.Name == key && !flag.Hidden && flag.Target.Type() != reflect.TypeFor[configFlag]()
		})
		if !known && (first == 0 || value.line < first) {
			first, name = value.line, key
		}
	}
	if first > 0 {
		return fmt.Errorf("%s:%d: unknown key %q; the keys are the flags of `hub serve --help`", f.path, first, name)
	}
	return nil
}

// Validate has nothing left to do: the keys were checked when the file was read.
func (f *configFile) Validate(*kong.Application) error { return nil }

// Resolve returns a flag's value from the file, or nil where the file has none or the environment has one.
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := f.values[flag.Name]
	if !ok || slices.ContainsFunc(flag.Envs, isSet) {
		return nil, nil
	}
	text, err := flagText(value.node, flag)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", f.path, value.line, err)
	}
	// Kong would parse it too, but its error could not name the line. It names the flag by itself, once.
	trial := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(text, kong.FlagValueToken), trial); err != nil {
		return nil, fmt.Errorf("%s:%d: %s", f.path, value.line, strings.TrimPrefix(err.Error(), "--"+flag.Name+": "))
	}
	return text, nil
}

func isSet(variable string) bool {
	_, ok := os.LookupEnv(variable)
	return ok
}

// flagText writes a value of the file as it would stand on the command line.
func flagText(node ast.Node, flag *kong.Flag) (string, error) {
	switch n := node.(type) {
	case *ast.SequenceNode:
		var list []string
		for _, item := range n.Values {
			text, err := scalarText(item)
			if err != nil {
				return "", err
			}
			list = append(list, text)
		}
		if !flag.IsSlice() {
			return "", errors.New("want a single value, not a list")
		}
		if flag.Tag.Sep == -1 { // none
			return strings.Join(list, " "), nil
		}
		return kong.JoinEscaped(list, flag.Tag.Sep), nil
	case *ast.MappingNode:
		if !flag.IsMap() {
			return "", errors.New("want a single value, not a mapping")
		}
		pairs := make(map[string]string)
		for _, entry := range n.Values {
			text, err := scalarText(entry.Value)
			if err != nil {
				return "", err
			}
			name := entry.Key.GetToken().Value
			pairs[name] = name + "=" + text
		}
		return kong.JoinEscaped(slices.Sorted(maps.Values(pairs)), flag.Tag.MapSep), nil
	default:
		return scalarText(node)
	}
}

// scalarText returns a single value as it was written: a key of digits alone stays the key it is.
func scalarText(node ast.Node) (string, error) {
	switch node.(type) {
	case *ast.NullNode:
		return "", errors.New("there is no value")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node.GetToken().Value, nil
	}
	var text string
	if err := yaml.NodeToValue(node, &text); err != nil {
		return "", errors.New("want a plain value")
	}
	return text, nil
}

func lineOf(node ast.Node) int { return node.GetToken().Position.Line }

// withoutSource describes a syntax error by its place alone.
func withoutSource(err error) string { return yaml.FormatError(err, false, false) }
