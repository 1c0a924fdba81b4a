// SPDX-License-Identifier: MIT
/*
 * serve -t PORT… -u PORT… [-b ADDRESS] [-6] [-r FILE]: the server outside; FILE appears when it listens.
 *
 * TCP, a line each: "who" answers "who PEER LOCAL" (what this end sees, as ADDRESS:PORT); "echo …" comes back;
 * "get N SEED" sends N bytes of the stream and closes; "put N SEED" takes N bytes and answers "ok" or "bad POSITION".
 * UDP: "who ID" answers "who ID PEER LOCAL"; "size ID N" answers with N bytes that begin so.
 * Every accepted connection and every new UDP peer is a line on standard output: "tcp PEER LOCAL", "udp PEER LOCAL".
 */
#define _GNU_SOURCE
#include "guest.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum kind { LISTENER, DATAGRAM, CONNECTION };

struct end {
	enum kind kind;
	int fd;
	struct sockaddr_storage peer, local;
	char line[256];
	int filled;
	/* What a get still has to send, what a put still has to take. */
	uint64_t sending, taking, position, bad;
	int mismatch;
	struct stream stream;
};

static int epfd;

static void watch(struct end *end, uint32_t events, int op)
{
	struct epoll_event event = { .events = events, .data.ptr = end };

	epoll_ctl(epfd, op, end->fd, &event);
}

static void drop(struct end *end)
{
	close(end->fd);
	free(end);
}

static struct end *listen_on(const char *host, int port, int type)
{
	struct end *end = calloc(1, sizeof *end);
	socklen_t length = make_address(host, port, &end->local);
	int one = 1;

	end->kind = type == SOCK_STREAM ? LISTENER : DATAGRAM;
	end->fd = socket(end->local.ss_family, type, 0);
	setsockopt(end->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (type == SOCK_DGRAM) {
		/* A reply must leave from the address that was asked. */
		int big = 1 << 20;

		setsockopt(end->fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
		setsockopt(end->fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
		if (end->local.ss_family == AF_INET6)
			setsockopt(end->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
	}
	if (end->fd < 0 || bind(end->fd, (void *)&end->local, length) ||
	    (type == SOCK_STREAM && listen(end->fd, 4096))) {
		fprintf(stderr, "%s: %s\n", show_address(&end->local), error_name(errno));
		exit(1);
	}
	fcntl(end->fd, F_SETFL, O_NONBLOCK);
	watch(end, EPOLLIN, EPOLL_CTL_ADD);
	return end;
}

static void answer(struct end *end, const char *text)
{
	if (write(end->fd, text, strlen(text)) < 0 && errno != EAGAIN)
		end->filled = -1;
}

static void take_line(struct end *end, char *line)
{
	char out[400];
	unsigned long long count, seed;

	if (!strcmp(line, "who")) {
		snprintf(out, sizeof out, "who %s %s\n", show_address(&end->peer), show_address(&end->local));
		answer(end, out);
	} else if (!strncmp(line, "echo", 4)) {
		snprintf(out, sizeof out, "%s\n", line);
		answer(end, out);
	} else if (sscanf(line, "get %llu %llu", &count, &seed) == 2) {
		end->sending = count;
		stream_start(&end->stream, seed);
		watch(end, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
	} else if (sscanf(line, "put %llu %llu", &count, &seed) == 2) {
		end->taking = count;
		end->position = 0;
		end->mismatch = 0;
		stream_start(&end->stream, seed);
	} else {
		answer(end, "what?\n");
	}
}

static void take_bytes(struct end *end, const unsigned char *bytes, size_t length)
{
	unsigned char expected[4096];
	char out[64];

	stream_fill(&end->stream, expected, length);
	for (size_t i = 0; i < length && !end->mismatch; i++)
		if (bytes[i] != expected[i]) {
			end->mismatch = 1;
			end->bad = end->position + i;
		}
	end->position += length;
	end->taking -= length;
	if (end->taking)
		return;
	if (end->mismatch)
		snprintf(out, sizeof out, "bad %llu\n", (unsigned long long)end->bad);
	else
		snprintf(out, sizeof out, "ok\n");
	answer(end, out);
}

static void on_readable(struct end *end)
{
	unsigned char buffer[4096];
	ssize_t got = read(end->fd, buffer, sizeof buffer);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		drop(end);
		return;
	}
	for (ssize_t at = 0; at < got;) {
		if (end->taking) {
			size_t part = got - at;

			if (part > end->taking)
				part = end->taking;
			take_bytes(end, buffer + at, part);
			at += part;
			continue;
		}
		char c = buffer[at++];

		if (c == '\n') {
			end->line[end->filled] = 0;
			end->filled = 0;
			take_line(end, end->line);
		} else if (end->filled < (int)sizeof end->line - 1) {
			end->line[end->filled++] = c;
		}
	}
}

static void on_writable(struct end *end)
{
	/* Bytes of the stream that were made and not taken by the socket are kept for the next time. */
	while (end->sending) {
		unsigned char buffer[4096];
		struct stream before = end->stream;
		size_t part = end->sending < sizeof buffer ? end->sending : sizeof buffer;
		ssize_t sent;

		stream_fill(&end->stream, buffer, part);
		sent = write(end->fd, buffer, part);
		if (sent < 0) {
			end->stream = before;
			if (errno != EAGAIN)
				drop(end);
			return;
		}
		if ((size_t)sent < part) {
			end->stream = before;
			stream_fill(&end->stream, buffer, sent);
		}
		end->sending -= sent;
	}
	shutdown(end->fd, SHUT_WR);
	watch(end, EPOLLIN, EPOLL_CTL_MOD);
}

static void on_accept(struct end *listener)
{
	for (;;) {
		struct end *end = calloc(1, sizeof *end);
		socklen_t length = sizeof end->peer;

		end->kind = CONNECTION;
		end->fd = accept(listener->fd, (void *)&end->peer, &length);
		if (end->fd < 0) {
			free(end);
			return;
		}
		length = sizeof end->local;
		getsockname(end->fd, (void *)&end->local, &length);
		fcntl(end->fd, F_SETFL, O_NONBLOCK);
		printf("tcp %s %s\n", show_address(&end->peer), show_address(&end->local));
		watch(end, EPOLLIN, EPOLL_CTL_ADD);
	}
}

static void on_datagram(struct end *end)
{
	for (;;) {
		struct sockaddr_storage peer, local = end->local;
		char text[512], control[256];
		static char out[65536];
		struct iovec in = { text, sizeof text - 1 };
		struct msghdr message = { .msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &in, .msg_iovlen = 1,
					  .msg_control = control, .msg_controllen = sizeof control };
		ssize_t got = recvmsg(end->fd, &message, 0);
		char id[64] = "";
		unsigned long size = 0;
		int length;

		if (got < 0)
			return;
		text[got] = 0;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
			if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
				((struct sockaddr_in *)&local)->sin_addr = ((struct in_pktinfo *)CMSG_DATA(c))->ipi_addr;
			if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
				((struct sockaddr_in6 *)&local)->sin6_addr = ((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr;
		}
		printf("udp %s %s\n", show_address(&peer), show_address(&local));
		memset(out, 0, sizeof out);
		if (sscanf(text, "size %63s %lu", id, &size) == 2) {
			length = snprintf(out, sizeof out, "size %s %s", id, show_address(&peer));
			if (size > (unsigned long)length && size < sizeof out)
				length = size;
		} else {
			sscanf(text, "who %63s", id);
			length = snprintf(out, sizeof out, "who %s %s %s", id, show_address(&peer), show_address(&local));
		}
		/* The control message that came says from where to answer. */
		struct iovec reply = { out, length };

		message.msg_iov = &reply;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
			if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
				struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);

				info->ipi_ifindex = 0;
				info->ipi_spec_dst = info->ipi_addr;
			}
		sendmsg(end->fd, &message, 0);
	}
}

int serve_main(int argc, char **argv)
{
	struct rlimit files = { 32768, 32768 };
	const char *host = "0.0.0.0", *ready = NULL;
	int option, ends = 0;

	setrlimit(RLIMIT_NOFILE, &files);
	setvbuf(stdout, NULL, _IOLBF, 0);
	epfd = epoll_create(64);
	while ((option = getopt(argc, argv, "b:t:u:6r:")) > 0) {
		if (option == 'b')
			host = optarg;
		else if (option == '6')
			host = "::";
		else if (option == 'r')
			ready = optarg;
		else if (option == 't' || option == 'u')
			ends += !!listen_on(host, atoi(optarg), option == 't' ? SOCK_STREAM : SOCK_DGRAM);
		else
			return 2;
	}
	if (!ends)
		return 2;
	printf("ready\n");
	if (ready)
		close(open(ready, O_WRONLY | O_CREAT, 0644));
	for (;;) {
		struct epoll_event events[64];
		int count = epoll_wait(epfd, events, 64, -1);

		for (int i = 0; i < count; i++) {
			struct end *end = events[i].data.ptr;

			if (end->kind == LISTENER)
				on_accept(end);
			else if (end->kind == DATAGRAM)
				on_datagram(end);
			else if (events[i].events & EPOLLOUT && end->sending)
				on_writable(end);
			else
				on_readable(end);
		}
	}
}
