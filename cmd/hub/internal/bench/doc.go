// Package bench is `hub bench`: it holds thousands of sockets at a hub, and measures how soon they are told
// that a login elsewhere has ended their session.
//
// The speed of a machine drifts, and swings with what else runs on it. So in the same minute the package
// measures what the parts cost alone, an empty call to the hub and a round trip to Redis, in short slices that
// alternate with the logins, and reports the ratios beside the times.
package bench
