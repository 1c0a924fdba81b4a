// SPDX-License-Identifier: MIT
/* One static program, several names: /init is the first process and agent, the others send and answer traffic. */
#include "guest.h"
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* "pkill traffic" between scenarios means the others: known by name, and by first argument, where busybox looks. */
static void be_called(const char *name, char *program)
{
	size_t length = strlen(program);

	prctl(PR_SET_NAME, name, 0, 0, 0);
	memset(program, 0, length);
	memcpy(program, name, strlen(name) < length ? strlen(name) : length);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(int, char **); } programs[] = {
		{ "serve", serve_main }, { "connect", connect_main }, { "transfer", transfer_main },
		{ "flows", flows_main }, { "probe", probe_main }, { "ping", ping_main }, { "raw", raw_main }, { "flood", flood_main },
		{ "blast", blast_main }, { "sink", sink_main }, { "agent", agent_main },
	};

	if (getpid() == 1 || (argc > 1 && !strcmp(argv[1], "agent")))
		be_called("agent", argv[0]);
	if (getpid() == 1)
		return init_main();
	for (size_t i = 0; argc > 1 && i < sizeof programs / sizeof *programs; i++)
		if (!strcmp(argv[1], programs[i].name))
			return programs[i].run(argc - 1, argv + 1);
	fprintf(stderr, "usage: traffic serve|connect|transfer|flows|probe|ping|raw|flood|blast|sink|agent …\n");
	return 2;
}
