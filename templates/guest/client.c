// SPDX-License-Identifier: MIT
/*
 * The clients inside.
 *
 * connect [-u] [-s BYTES] [-n COUNT] [-j AT ONCE] [-p FIRST SOURCE PORT] [-b ADDRESS] [-T MS] [-H HOLD MS] HOST PORT
 *   A line per connection: "N ok LOCAL SEEN MS" (what the server saw this end as) or "N err NAME MS". With -H all that
 *   were made stay open that long, are asked again, and get a second line: "N kept SEEN" or "N lost NAME". With -s
 *   datagrams have so many bytes, each way.
 * transfer HOST PORT BYTES SEED: fetches BYTES, sends BYTES, both compared: "get ok MS", "put ok MS".
 * flows -n COUNT -d MS [-i MS] HOST PORT: COUNT connections that talk all the time: "N ANSWERS FAILURES LONGEST-GAP-MS".
 * probe -d MS [-i MS] [-T MS] HOST PORT: a new connection every -i ms: "AT-MS ok SEEN" or "AT-MS err NAME".
 */
#define _GNU_SOURCE
#include "guest.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct options {
	int udp, size, count, parallel, source_port, timeout, hold, duration, interval;
	const char *bind, *host;
	int port;
};

enum state { WAITING, CONNECTING, ASKED, DONE, FAILED };

struct flow {
	int fd, error;
	enum state state;
	int64_t began, asked, heard, longest;
	int answers, failures;
	char local[80], seen[80];
};

static struct options read_options(int argc, char **argv)
{
	struct options o = { .count = 1, .parallel = 64, .timeout = 3000, .duration = 2000, .interval = 100 };
	struct rlimit files = { 65536, 65536 };
	int option;

	setrlimit(RLIMIT_NOFILE, &files);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "us:n:j:p:b:T:H:d:i:")) > 0)
		switch (option) {
		case 'u': o.udp = 1; break;
		case 's': o.size = atoi(optarg); break;
		case 'n': o.count = atoi(optarg); break;
		case 'j': o.parallel = atoi(optarg); break;
		case 'p': o.source_port = atoi(optarg); break;
		case 'b': o.bind = optarg; break;
		case 'T': o.timeout = atoi(optarg); break;
		case 'H': o.hold = atoi(optarg); break;
		case 'd': o.duration = atoi(optarg); break;
		case 'i': o.interval = atoi(optarg); break;
		default: exit(2);
		}
	if (argc - optind < 2) {
		fprintf(stderr, "HOST PORT?\n");
		exit(2);
	}
	o.host = argv[optind];
	o.port = atoi(argv[optind + 1]);
	return o;
}

static void fail(struct flow *flow, int error)
{
	flow->state = FAILED;
	flow->error = error;
	if (flow->fd >= 0)
		close(flow->fd);
	flow->fd = -1;
}

static void ask(struct flow *flow, const struct options *o, int number)
{
	static char text[65536];
	size_t length;

	if (o->udp && o->size)
		snprintf(text, sizeof text, "size %d %d", number, o->size);
	else
		snprintf(text, sizeof text, o->udp ? "who %d" : "who\n", number);
	length = strlen(text);
	/* What follows the text stays 0. */
	if (o->udp && o->size > (int)length && o->size < (int)sizeof text)
		length = o->size;
	if (send(flow->fd, text, length, MSG_NOSIGNAL) < 0)
		fail(flow, errno);
	else
		flow->state = ASKED;
	flow->asked = now_ms();
}

static void begin(struct flow *flow, const struct options *o, int number)
{
	struct sockaddr_storage to, from;
	socklen_t to_length = make_address(o->host, o->port, &to);
	int one = 1;

	flow->began = now_ms();
	flow->fd = socket(to.ss_family, o->udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (flow->fd < 0)
		return fail(flow, errno);
	fcntl(flow->fd, F_SETFL, O_NONBLOCK);
	if (o->bind || o->source_port) {
		const char *any = to.ss_family == AF_INET ? "0.0.0.0" : "::";
		socklen_t length = make_address(o->bind ? o->bind : any, o->source_port ? o->source_port + number : 0, &from);

		/* A port of our choice may be in TIME_WAIT; one of the kernel's choice must not be. */
		if (o->source_port)
			setsockopt(flow->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(flow->fd, (void *)&from, length))
			return fail(flow, errno);
	}
	if (connect(flow->fd, (void *)&to, to_length) && errno != EINPROGRESS)
		return fail(flow, errno);
	flow->state = CONNECTING;
}

/* A step of a flow after poll said something of it. */
static void step(struct flow *flow, const struct options *o, int number)
{
	if (flow->state == CONNECTING) {
		struct sockaddr_storage local;
		socklen_t length = sizeof flow->error;

		getsockopt(flow->fd, SOL_SOCKET, SO_ERROR, &flow->error, &length);
		if (flow->error)
			return fail(flow, flow->error);
		length = sizeof local;
		getsockname(flow->fd, (void *)&local, &length);
		snprintf(flow->local, sizeof flow->local, "%s", show_address(&local));
		return ask(flow, o, number);
	}
	if (flow->state == ASKED) {
		char text[256];
		ssize_t got = recv(flow->fd, text, sizeof text - 1, 0);

		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0)
			return fail(flow, got ? errno : EPIPE);
		text[got] = 0;
		if (sscanf(text, o->udp ? "%*s %*s %79s" : "who %79s", flow->seen) != 1)
			return fail(flow, EPROTO);
		flow->heard = now_ms();
		flow->state = DONE;
	}
}

/* Brings every flow from WAITING (or ASKED) to DONE or FAILED, at most `parallel` under way. */
static void drive(struct flow *flows, const struct options *o)
{
	struct pollfd *polled = calloc(o->count, sizeof *polled);
	int *which = calloc(o->count, sizeof *which);

	for (;;) {
		int busy = 0, waiting = 0;
		int64_t now = now_ms();

		for (int i = 0; i < o->count; i++) {
			struct flow *flow = &flows[i];

			if (flow->state == CONNECTING || flow->state == ASKED) {
				int64_t since = flow->asked > flow->began ? flow->asked : flow->began;

				if (now - since > o->timeout)
					fail(flow, ETIMEDOUT);
			}
			if (flow->state == WAITING && busy < o->parallel)
				begin(flow, o, i);
			if (flow->state == WAITING)
				waiting++;
			if (flow->state != CONNECTING && flow->state != ASKED)
				continue;
			polled[busy] = (struct pollfd){ flow->fd, flow->state == CONNECTING ? POLLOUT : POLLIN, 0 };
			which[busy++] = i;
		}
		if (!busy && !waiting)
			break;
		if (poll(polled, busy, 50) > 0)
			for (int i = 0; i < busy; i++)
				if (polled[i].revents)
					step(&flows[which[i]], o, which[i]);
	}
	free(polled);
	free(which);
}

int connect_main(int argc, char **argv)
{
	struct options o = read_options(argc, argv);
	struct flow *flows = calloc(o.count, sizeof *flows);
	int failed = 0;

	for (int i = 0; i < o.count; i++)
		flows[i].fd = -1;
	drive(flows, &o);
	for (int i = 0; i < o.count; i++) {
		struct flow *flow = &flows[i];

		if (flow->state == DONE)
			printf("%d ok %s %s %lld\n", i, flow->local, flow->seen, (long long)(flow->heard - flow->began));
		else
			printf("%d err %s %lld\n", i, error_name(flow->error), (long long)(now_ms() - flow->began));
		failed += flow->state != DONE;
		/* Without -H a connection ends as soon as all have answered. */
		if (!o.hold && flow->fd >= 0)
			close(flow->fd);
	}
	if (o.hold) {
		char (*before)[80] = calloc(o.count, 80);
		enum state *was = calloc(o.count, sizeof *was);

		sleep_ms(o.hold);
		for (int i = 0; i < o.count; i++) {
			was[i] = flows[i].state;
			memcpy(before[i], flows[i].seen, 80);
			if (was[i] == DONE)
				ask(&flows[i], &o, i);
		}
		drive(flows, &o);
		for (int i = 0; i < o.count; i++) {
			if (was[i] != DONE)
				continue;
			if (flows[i].state == DONE && !strcmp(before[i], flows[i].seen))
				printf("%d kept %s\n", i, flows[i].seen);
			else if (flows[i].state == DONE)
				printf("%d lost moved-to-%s\n", i, flows[i].seen);
			else
				printf("%d lost %s\n", i, error_name(flows[i].error));
		}
	}
	return failed ? 1 : 0;
}

static int dial(const struct options *o, int timeout)
{
	struct flow flow = { .fd = -1 };
	struct pollfd polled;
	int error = 0;
	socklen_t length = sizeof error;

	begin(&flow, o, 0);
	if (flow.state == FAILED) {
		errno = flow.error;
		return -1;
	}
	polled = (struct pollfd){ flow.fd, POLLOUT, 0 };
	if (poll(&polled, 1, timeout) != 1)
		error = ETIMEDOUT;
	else
		getsockopt(flow.fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error) {
		close(flow.fd);
		errno = error;
		return -1;
	}
	fcntl(flow.fd, F_SETFL, 0);
	return flow.fd;
}

int transfer_main(int argc, char **argv)
{
	struct options o = read_options(argc, argv);
	unsigned long long size = argc - optind > 2 ? strtoull(argv[optind + 2], NULL, 10) : 1 << 20;
	unsigned long long seed = argc - optind > 3 ? strtoull(argv[optind + 3], NULL, 10) : 1;
	struct timeval stall = { 10, 0 };
	int bad = 0;

	for (int put = 0; put < 2; put++) {
		unsigned char buffer[4096], expected[4096];
		unsigned long long done = 0;
		int64_t began = now_ms();
		struct stream stream;
		int fd = dial(&o, o.timeout);
		char text[128], reply[64] = "";

		if (fd < 0) {
			printf("%s err %s\n", put ? "put" : "get", error_name(errno));
			bad = 1;
			continue;
		}
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);
		stream_start(&stream, seed);
		snprintf(text, sizeof text, "%s %llu %llu\n", put ? "put" : "get", size, seed);
		send(fd, text, strlen(text), MSG_NOSIGNAL);
		while (done < size) {
			ssize_t part = size - done < sizeof buffer ? size - done : sizeof buffer;

			if (put) {
				stream_fill(&stream, buffer, part);
				for (ssize_t at = 0; at < part;) {
					ssize_t sent = send(fd, buffer + at, part - at, MSG_NOSIGNAL);

					if (sent <= 0)
						goto broken;
					at += sent;
				}
			} else {
				part = recv(fd, buffer, part, 0);
				if (part <= 0)
					goto broken;
				stream_fill(&stream, expected, part);
				if (memcmp(buffer, expected, part)) {
					printf("get bad near %llu\n", done);
					bad = 1;
					break;
				}
			}
			done += part;
		}
		if (put) {
			ssize_t got = recv(fd, reply, sizeof reply - 1, 0);

			if (got <= 0)
				goto broken;
			reply[strcspn(reply, "\n")] = 0;
			printf("put %s %llu bytes %lld ms\n", reply, done, (long long)(now_ms() - began));
			bad |= strcmp(reply, "ok") != 0;
		} else if (!bad) {
			printf("get ok %llu bytes %lld ms\n", done, (long long)(now_ms() - began));
		}
		close(fd);
		continue;
broken:
		printf("%s broken after %llu bytes: %s\n", put ? "put" : "get", done, errno == EAGAIN ? "stalled" : error_name(errno));
		close(fd);
		bad = 1;
	}
	return bad;
}

int flows_main(int argc, char **argv)
{
	struct options o = read_options(argc, argv);
	struct flow *flows = calloc(o.count, sizeof *flows);
	int64_t end;

	for (int i = 0; i < o.count; i++)
		flows[i].fd = -1;
	drive(flows, &o);
	end = now_ms() + o.duration;
	printf("talking\n");
	while (now_ms() < end) {
		int64_t next = now_ms() + o.interval;

		for (int i = 0; i < o.count; i++)
			if (flows[i].state == DONE)
				ask(&flows[i], &o, i);
		while (now_ms() < next) {
			for (int i = 0; i < o.count; i++) {
				struct flow *flow = &flows[i];
				int64_t before = flow->heard;

				if (flow->state != ASKED)
					continue;
				step(flow, &o, i);
				if (flow->state != DONE)
					continue;
				flow->answers++;
				if (flow->heard - before > flow->longest)
					flow->longest = flow->heard - before;
			}
			sleep_ms(5);
		}
	}
	for (int i = 0; i < o.count; i++) {
		if (flows[i].state == ASKED && now_ms() - flows[i].asked > 2 * o.interval + 500)
			fail(&flows[i], ETIMEDOUT);
		printf("%d %s %s answers %d longest gap %lld ms\n", i, flows[i].state == FAILED ? "lost" : "alive",
		       flows[i].state == FAILED ? error_name(flows[i].error) : flows[i].seen, flows[i].answers, (long long)flows[i].longest);
	}
	return 0;
}

int probe_main(int argc, char **argv)
{
	struct options o = read_options(argc, argv);
	int64_t start = now_ms();

	for (int number = 0; now_ms() - start < o.duration; number++) {
		struct flow flow = { .fd = -1 };
		struct options one = o;
		int64_t at = now_ms() - start;

		one.count = 1;
		drive(&flow, &one);
		if (flow.state == DONE)
			printf("%lld ok %s\n", (long long)at, flow.seen);
		else
			printf("%lld err %s\n", (long long)at, error_name(flow.error));
		if (flow.fd >= 0)
			close(flow.fd);
		sleep_ms(o.interval - (now_ms() - start - at));
	}
	return 0;
}
