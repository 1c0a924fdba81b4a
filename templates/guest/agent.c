// SPDX-License-Identifier: MIT
/*
 * Does what the host asks, over a serial line of its own which kernel messages never enter (init.c opens it).
 *
 * A frame is "@BK LLLLLLLL CCCCCCCC\n" (length and CRC-32 of the payload, in hex) and the payload: fields that end with
 * a NUL, the last one may be raw bytes. Requests: ID VERB NODE TIMEOUT-MS ARGUMENT…; every one gets a reply
 *   ID KIND CODE T0 T1 STDOUT-LENGTH, then standard output and standard error. KIND: exit, signal, timeout, ok, error.
 * Verbs: exec (to its end), start (in the background; replies with the pid), wait PID, kill PID SIGNAL, node NAME (a
 * network namespace, served by a process in it), put PATH MODE BYTES, get PATH. Times are milliseconds since boot.
 */
#define _GNU_SOURCE
#include "guest.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS = 64, NODES = 8, OUTPUT_LIMIT = 4 << 20, FRAME_LIMIT = 8 << 20 };

struct buffer { char *data; size_t length, room; };

struct job {
	pid_t pid;
	int out, err, running, status, asked, timed_out;
	char id[32];
	struct buffer stdout_text, stderr_text;
	int64_t began, ended, deadline;
};

struct node { char name[32]; int fd; struct buffer in; };

static struct job jobs[JOBS];
static struct node nodes[NODES];
static int child_pipe[2];

static void grow(struct buffer *buffer, const void *data, size_t length)
{
	if (buffer->length + length > buffer->room) {
		buffer->room = (buffer->length + length) * 2 + 256;
		buffer->data = realloc(buffer->data, buffer->room);
		if (!buffer->data)
			_exit(70);
	}
	memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
}

static void shift(struct buffer *buffer, size_t length)
{
	memmove(buffer->data, buffer->data + length, buffer->length - length);
	buffer->length -= length;
}

static uint32_t crc32_of(const unsigned char *data, size_t length)
{
	uint32_t crc = ~0u;

	while (length--) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

static void write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		ssize_t done = write(fd, at, length);

		if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
			struct pollfd polled = { fd, POLLOUT, 0 };

			poll(&polled, 1, 1000);
			continue;
		}
		if (done <= 0)
			return;
		at += done;
		length -= done;
	}
}

static void send_frame(int fd, const struct buffer *payload)
{
	char head[32];
	int length = snprintf(head, sizeof head, "@BK %08zx %08x\n", payload->length,
			      crc32_of((unsigned char *)payload->data, payload->length));

	write_all(fd, head, length);
	write_all(fd, payload->data, payload->length);
}

static void reply(int fd, const char *id, const char *kind, long code, int64_t began, int64_t ended,
		  const void *out, size_t out_length, const void *err, size_t err_length)
{
	struct buffer payload = { 0 };
	char text[160];
	int length = snprintf(text, sizeof text, "%s%c%s%c%ld%c%lld%c%lld%c%zu%c", id, 0, kind, 0, code, 0,
			      (long long)began, 0, (long long)ended, 0, out_length, 0);

	grow(&payload, text, length);
	grow(&payload, out, out_length);
	grow(&payload, err, err_length);
	send_frame(fd, &payload);
	free(payload.data);
}

void reply_text(int fd, const char *id, const char *kind, long code, const char *text)
{
	int64_t now = now_ms();

	reply(fd, id, kind, code, now, now, text, strlen(text), "", 0);
}

static void finish(int fd, struct job *job)
{
	const char *kind = job->timed_out ? "timeout" : WIFSIGNALED(job->status) ? "signal" : "exit";
	long code = WIFSIGNALED(job->status) ? WTERMSIG(job->status) : WEXITSTATUS(job->status);

	reply(fd, job->id, kind, code, job->began, job->ended, job->stdout_text.data, job->stdout_text.length,
	      job->stderr_text.data, job->stderr_text.length);
	free(job->stdout_text.data);
	free(job->stderr_text.data);
	memset(job, 0, sizeof *job);
}

static void drain(int *fd, struct buffer *into)
{
	char part[4096];
	ssize_t got;

	while (*fd > 0 && (got = read(*fd, part, sizeof part)) != 0) {
		if (got < 0)
			return;
		if (into->length < OUTPUT_LIMIT)
			grow(into, part, got);
	}
	if (*fd > 0)
		close(*fd);
	*fd = 0;
}

static void on_child(int signal)
{
	(void)signal;
	if (write(child_pipe[1], "c", 1) < 0)
		return;
}

static void reap(int fd)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct job *job = jobs; job < jobs + JOBS; job++) {
			if (job->pid != pid || !job->running)
				continue;
			job->running = 0;
			job->status = status;
			job->ended = now_ms();
			/* A daemon it left may hold the pipes open for ever: what is there now is its output. */
			drain(&job->out, &job->stdout_text);
			drain(&job->err, &job->stderr_text);
			if (job->out > 0)
				close(job->out);
			if (job->err > 0)
				close(job->err);
			job->out = job->err = 0;
			if (job->asked)
				finish(fd, job);
		}
}

static struct job *spawn(char **argv, int64_t timeout)
{
	struct job *job = jobs;
	int out[2], err[2];

	while (job < jobs + JOBS && job->pid)
		job++;
	if (job == jobs + JOBS || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return NULL;
	job->began = now_ms();
	job->pid = fork();
	if (job->pid == 0) {
		int none = open("/dev/null", O_RDONLY);

		setpgid(0, 0);
		signal(SIGCHLD, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		dup2(none, 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	setpgid(job->pid, job->pid);
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	job->out = out[0];
	job->err = err[0];
	job->running = 1;
	job->deadline = timeout ? job->began + timeout : 0;
	return job;
}

static int put_file(const char *path, const char *mode, const char *data, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t done;

	if (fd < 0)
		return errno;
	done = write(fd, data, length);
	fchmod(fd, strtol(mode, NULL, 8));
	close(fd);
	return done == (ssize_t)length ? 0 : EIO;
}

static void get_file(int fd, const char *id, const char *path)
{
	struct buffer content = { 0 };
	int file = open(path, O_RDONLY | O_CLOEXEC);
	int64_t now = now_ms();
	char part[4096];
	ssize_t got;

	if (file < 0) {
		reply_text(fd, id, "error", errno, strerror(errno));
		return;
	}
	grow(&content, "", 0);
	while ((got = read(file, part, sizeof part)) > 0 && content.length < OUTPUT_LIMIT)
		grow(&content, part, got);
	close(file);
	reply(fd, id, "ok", 0, now, now_ms(), content.data, content.length, "", 0);
	free(content.data);
}

/* A namespace is a process of this program in it: 2.6.32 has no setns. */
static int make_node(const char *name)
{
	struct node *node = nodes;
	int pair[2], ready[2];
	pid_t pid;
	char c;

	while (node < nodes + NODES && node->fd)
		node++;
	if (node == nodes + NODES || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || pipe(ready))
		return -1;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		close(ready[0]);
		for (struct node *other = nodes; other < nodes + NODES; other++)
			if (other->fd)
				close(other->fd);
		memset(nodes, 0, sizeof nodes);
		memset(jobs, 0, sizeof jobs);
		if (unshare(CLONE_NEWNET | CLONE_NEWNS))
			_exit(71);
		if (unshare(CLONE_NEWUTS) == 0)
			sethostname(name, strlen(name));
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		/* /sys shows the interfaces of the namespace it was mounted in. */
		umount2("/sys", MNT_DETACH);
		mount("sysfs", "/sys", "sysfs", 0, NULL);
		if (write(ready[1], "r", 1) < 0)
			_exit(72);
		close(ready[1]);
		serve_requests(pair[1], pair[1]);
		_exit(0);
	}
	close(pair[1]);
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1) {
		close(ready[0]);
		close(pair[0]);
		return -1;
	}
	close(ready[0]);
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	snprintf(node->name, sizeof node->name, "%s", name);
	node->fd = pair[0];
	return pid;
}

static void handle(int out, char *payload, size_t length)
{
	char *fields[64];
	int count = 0;
	char *at = payload, *end = payload + length;
	char *id, *verb, *node;
	int64_t timeout;

	while (at < end && count < 60) {
		fields[count++] = at;
		at = memchr(at, 0, end - at);
		if (!at)
			break;
		at++;
		/* The bytes of a put are the rest, whatever is in them. */
		if (count == 6 && !strcmp(fields[1], "put"))
			break;
	}
	fields[count] = NULL;
	if (count < 4)
		return;
	id = fields[0];
	verb = fields[1];
	node = fields[2];
	timeout = atoll(fields[3]);
	if (*node)
		for (struct node *known = nodes; known < nodes + NODES; known++)
			if (known->fd && !strcmp(known->name, node)) {
				struct buffer forward = { 0 };

				/* The same request with the node's name taken out. */
				grow(&forward, payload, node - payload);
				grow(&forward, node + strlen(node), end - (node + strlen(node)));
				send_frame(known->fd, &forward);
				free(forward.data);
				return;
			}
	if (*node) {
		reply_text(out, id, "error", ENOENT, "no such node");
	} else if (!strcmp(verb, "exec") || !strcmp(verb, "start")) {
		struct job *job = count > 4 ? spawn(fields + 4, timeout) : NULL;
		char pid[16];

		if (!job) {
			reply_text(out, id, "error", EAGAIN, "too many jobs");
			return;
		}
		snprintf(job->id, sizeof job->id, "%s", id);
		job->asked = !strcmp(verb, "exec");
		snprintf(pid, sizeof pid, "%d", job->pid);
		if (!job->asked)
			reply_text(out, id, "ok", 0, pid);
	} else if (!strcmp(verb, "wait") && count > 4) {
		for (struct job *job = jobs; job < jobs + JOBS; job++) {
			if (!job->pid || job->pid != atoi(fields[4]))
				continue;
			snprintf(job->id, sizeof job->id, "%s", id);
			job->asked = 1;
			if (timeout)
				job->deadline = now_ms() + timeout;
			if (!job->running)
				finish(out, job);
			return;
		}
		reply_text(out, id, "error", ESRCH, "no such job");
	} else if (!strcmp(verb, "kill") && count > 5) {
		int failed = kill(-atoi(fields[4]), atoi(fields[5]));

		reply_text(out, id, failed ? "error" : "ok", failed ? errno : 0, "");
	} else if (!strcmp(verb, "node") && count > 4) {
		char pid[16];

		snprintf(pid, sizeof pid, "%d", make_node(fields[4]));
		reply_text(out, id, *pid == '-' ? "error" : "ok", 0, pid);
	} else if (!strcmp(verb, "put") && count > 5) {
		char *data = fields[5] + strlen(fields[5]) + 1;
		int error = put_file(fields[4], fields[5], data, end - data);

		reply_text(out, id, error ? "error" : "ok", error, error ? strerror(error) : "");
	} else if (!strcmp(verb, "get") && count > 4) {
		get_file(out, id, fields[4]);
	} else {
		reply_text(out, id, "error", EINVAL, "unknown request");
	}
}

/* Takes whole frames off a buffer; bytes that are none are passed over. */
static void take_frames(struct buffer *in, int out, int relay)
{
	for (;;) {
		char *start = in->length ? memmem(in->data, in->length, "@BK ", 4) : NULL;
		size_t length, before;
		unsigned int crc;

		if (!start)
			return;
		before = start - in->data;
		if (in->length - before < 22)
			return;
		if (sscanf(start, "@BK %8zx %8x", &length, &crc) != 2 || start[21] != '\n' || length > FRAME_LIMIT) {
			shift(in, before + 4);
			continue;
		}
		if (in->length - before < 22 + length)
			return;
		if (crc32_of((unsigned char *)start + 22, length) == crc) {
			struct buffer frame = { 0 };

			grow(&frame, start + 22, length);
			grow(&frame, "", 1);
			frame.length--;
			shift(in, before + 22 + length);
			if (relay)
				send_frame(out, &frame);
			else
				handle(out, frame.data, frame.length);
			free(frame.data);
		} else {
			shift(in, before + 4);
		}
	}
}

static int take(int fd, struct buffer *into)
{
	char part[4096];
	ssize_t got = read(fd, part, sizeof part);

	if (got > 0)
		grow(into, part, got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void serve_requests(int in, int out)
{
	struct buffer requests = { 0 };

	if (pipe2(child_pipe, O_CLOEXEC | O_NONBLOCK))
		_exit(73);
	fcntl(in, F_SETFL, O_NONBLOCK);
	fcntl(in, F_SETFD, FD_CLOEXEC);
	signal(SIGCHLD, on_child);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		struct pollfd polled[2 + NODES + 2 * JOBS] = { { in, POLLIN, 0 }, { child_pipe[0], POLLIN, 0 } };
		int count = 2;
		char drop[64];

		for (struct node *node = nodes; node < nodes + NODES; node++)
			if (node->fd)
				polled[count++] = (struct pollfd){ node->fd, POLLIN, 0 };
		for (struct job *job = jobs; job < jobs + JOBS; job++) {
			if (job->out > 0)
				polled[count++] = (struct pollfd){ job->out, POLLIN, 0 };
			if (job->err > 0)
				polled[count++] = (struct pollfd){ job->err, POLLIN, 0 };
		}
		poll(polled, count, 100);
		while (read(child_pipe[0], drop, sizeof drop) > 0)
			;
		if (polled[0].revents) {
			/* Hung up: nobody is at the other end yet (virtio), or the node's main process is gone. */
			if (!take(in, &requests)) {
				if (getpid() != 1)
					_exit(0);
				sleep_ms(20);
			}
			take_frames(&requests, out, 0);
		}
		for (struct node *node = nodes; node < nodes + NODES; node++) {
			struct pollfd one = { node->fd, POLLIN, 0 };

			if (!node->fd || poll(&one, 1, 0) <= 0)
				continue;
			if (!take(node->fd, &node->in)) {
				close(node->fd);
				node->fd = 0;
			}
			take_frames(&node->in, out, 1);
		}
		for (struct job *job = jobs; job < jobs + JOBS; job++) {
			drain(&job->out, &job->stdout_text);
			drain(&job->err, &job->stderr_text);
			if (job->running && job->asked && job->deadline && now_ms() > job->deadline) {
				job->timed_out = 1;
				kill(-job->pid, SIGKILL);
				job->deadline = 0;
			}
		}
		reap(out);
	}
}
