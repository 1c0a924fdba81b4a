// SPDX-License-Identifier: MIT
/*
 * flood -n COUNT -b SOURCE HOST PORT: COUNT TCP SYNs of IPv4 from as many source ports (1024 on; after 65535 from the next
 * address), without a connection behind them. For filling a gateway's tables inside test guests; 20,000 a second at most.
 */
#define _GNU_SOURCE
#include "guest.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t sum16(const void *data, size_t length, uint32_t sum)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

int flood_main(int argc, char **argv)
{
	struct { struct iphdr ip; struct tcphdr tcp; } __attribute__((packed)) packet;
	struct sockaddr_storage to, from;
	struct sockaddr_in *to4 = (void *)&to, *from4 = (void *)&from;
	int count = 1, option, fd, sent = 0;
	const char *source = NULL;
	int64_t began;

	while ((option = getopt(argc, argv, "n:b:")) > 0)
		switch (option) {
		case 'n': count = atoi(optarg); break;
		case 'b': source = optarg; break;
		default: return 2;
		}
	if (argc - optind < 2 || !source || count < 1 || count > 200000)
		return 2;
	make_address(argv[optind], atoi(argv[optind + 1]), &to);
	make_address(source, 0, &from);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0 || to.ss_family != AF_INET || from.ss_family != AF_INET) {
		fprintf(stderr, "flood: %s\n", error_name(errno));
		return 1;
	}
	began = now_ms();
	for (int i = 0; i < count; i++) {
		uint32_t pseudo;

		memset(&packet, 0, sizeof packet);
		packet.ip.version = 4;
		packet.ip.ihl = 5;
		packet.ip.ttl = 64;
		packet.ip.protocol = IPPROTO_TCP;
		packet.ip.tot_len = htons(sizeof packet);
		packet.ip.saddr = htonl(ntohl(from4->sin_addr.s_addr) + i / 64512);
		packet.ip.daddr = to4->sin_addr.s_addr;
		packet.tcp.source = htons(1024 + i % 64512);
		packet.tcp.dest = to4->sin_port;
		packet.tcp.seq = htonl(i * 7919);
		packet.tcp.doff = 5;
		packet.tcp.syn = 1;
		packet.tcp.window = htons(5840);
		pseudo = sum16(&packet.ip.saddr, 8, IPPROTO_TCP + sizeof packet.tcp);
		packet.tcp.check = fold(sum16(&packet.tcp, sizeof packet.tcp, pseudo));
		for (int tries = 0; tries < 100; tries++) {
			if (sendto(fd, &packet, sizeof packet, 0, (void *)&to, sizeof *to4) >= 0) {
				sent++;
				break;
			}
			if (errno != ENOBUFS && errno != EAGAIN)
				break;
			sleep_ms(1);
		}
		/* Slower than the queues on the way: what is dropped there fills nothing. */
		if (i % 100 == 99) {
			int64_t ahead = began + (i + 1) / 20 - now_ms();

			sleep_ms(ahead > 0 ? ahead : 1);
		}
	}
	printf("sent %d in %lld ms\n", sent, (long long)(now_ms() - began));
	return 0;
}
