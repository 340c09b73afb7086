// Package web is the hub's HTTP side: the API for clients, apps and operators and the documents of it, the WebSocket
// endpoint, the browser SDK, and the hub's own pages.
//
// Every answer that is not a success is a problem (RFC 9457), made from an error in one place; see problemOf.
// Each JSON route is a row that names its types, from which the same row is described in OpenAPI; see route.
package web
