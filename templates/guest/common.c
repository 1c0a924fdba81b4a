// SPDX-License-Identifier: MIT
/* Addresses, time and the byte stream that both ends of a transfer know. */
#include "guest.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sleep_ms(int64_t ms)
{
	struct timespec t = { ms / 1000, (ms % 1000) * 1000000 };

	if (ms > 0)
		nanosleep(&t, NULL);
}

socklen_t make_address(const char *host, int port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof *v4;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof *v6;
	}
	fprintf(stderr, "%s is no IPv4 or IPv6 address\n", host);
	exit(2);
}

const char *show_address(const struct sockaddr_storage *address)
{
	static char text[4][80];
	static int next;
	char host[INET6_ADDRSTRLEN] = "?";
	char *out = text[next++ & 3];
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
		snprintf(out, 80, "%s:%d", host, ntohs(v4->sin_port));
	} else {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
		snprintf(out, 80, "[%s]:%d", host, ntohs(v6->sin6_port));
	}
	return out;
}

const char *error_name(int error)
{
	static const struct { int error; const char *name; } names[] = {
		{ ECONNREFUSED, "ECONNREFUSED" }, { ECONNRESET, "ECONNRESET" },
		{ ETIMEDOUT, "ETIMEDOUT" }, { EHOSTUNREACH, "EHOSTUNREACH" },
		{ ENETUNREACH, "ENETUNREACH" }, { EADDRINUSE, "EADDRINUSE" },
		{ EADDRNOTAVAIL, "EADDRNOTAVAIL" }, { EPIPE, "EPIPE" },
		{ EACCES, "EACCES" }, { EPERM, "EPERM" }, { EMSGSIZE, "EMSGSIZE" },
		{ EMFILE, "EMFILE" }, { EPROTO, "EPROTO" },
	};
	static char number[16];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].error == error)
			return names[i].name;
	snprintf(number, sizeof number, "errno-%d", error);
	return number;
}

void stream_start(struct stream *stream, uint64_t seed)
{
	stream->state = seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;
	stream->left = 0;
}

void stream_fill(struct stream *stream, unsigned char *out, size_t length)
{
	while (length--) {
		if (stream->left == 0) {
			stream->state ^= stream->state << 13;
			stream->state ^= stream->state >> 7;
			stream->state ^= stream->state << 17;
			stream->word = stream->state;
			stream->left = 8;
		}
		*out++ = stream->word & 0xff;
		stream->word >>= 8;
		stream->left--;
	}
}
