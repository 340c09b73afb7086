package web

import "github.com/go-chi/chi/v5"

// Mux returns the routes of a server that is told nothing.
func Mux() (chi.Routes, error) { return new(server).mux() }
