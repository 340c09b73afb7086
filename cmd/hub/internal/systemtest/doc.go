// Package systemtest holds tests of several whole hubs on one Redis, with real sockets. It has no code of its
// own.
package systemtest
