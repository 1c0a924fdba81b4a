/* SPDX-License-Identifier: MIT */
/* What the parts of the guest's one static program share. */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Parts that are programs of their own: argv[0] or the first argument names them. */
int serve_main(int argc, char **argv);
int connect_main(int argc, char **argv);
int transfer_main(int argc, char **argv);
int flows_main(int argc, char **argv);
int probe_main(int argc, char **argv);
int ping_main(int argc, char **argv);
int raw_main(int argc, char **argv);
int flood_main(int argc, char **argv);
int blast_main(int argc, char **argv);
int sink_main(int argc, char **argv);
int init_main(void);
int agent_main(int argc, char **argv);

/* The agent: serves requests for ever; reply_text is how it answers. */
void serve_requests(int in, int out);
void reply_text(int fd, const char *id, const char *kind, long code, const char *text);

/* Milliseconds of guest time since boot. */
int64_t now_ms(void);
void sleep_ms(int64_t ms);

/* "1.2.3.4" or "fd00::1" and a port, as a socket address; exits with 2 when it is none. */
socklen_t make_address(const char *host, int port, struct sockaddr_storage *out);
/* "1.2.3.4:80", "[fd00::1]:80"; a static buffer, four at a time. */
const char *show_address(const struct sockaddr_storage *address);
/* ECONNREFUSED and the like; the number when it has no name here. */
const char *error_name(int error);

/* Bytes of a stream that is the same on both ends: xorshift from a seed, by position. */
struct stream { uint64_t state; uint64_t word; int left; };
void stream_start(struct stream *stream, uint64_t seed);
void stream_fill(struct stream *stream, unsigned char *out, size_t length);

#endif
