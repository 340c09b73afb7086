package main

import (
	"context"

	"github.com/sessionhub/sessionhub/cmd/hub/internal/bench"
)

// benchCommand is `hub bench`.
type benchCommand struct {
	bench.Command
}

// Run measures hubs until it is done or ctx ends.
func (c *benchCommand) Run(ctx context.Context, std streams) error {
	return c.Command.Run(ctx, std.out, std.err)
}
