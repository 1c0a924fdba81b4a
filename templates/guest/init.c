// SPDX-License-Identifier: MIT
/*
 * First process of a test guest: mounts, loads the modules of /etc/modules.load, opens the line to the host (virtio-serial
 * port "build-kernel" where the kernel has it, else the second UART), greets, and becomes the agent. With guest.shell on
 * the kernel's command line a shell is on the console too.
 */
#define _GNU_SOURCE
#include "guest.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void load_modules(void)
{
	FILE *list = fopen("/etc/modules.load", "r");
	char path[256];

	while (list && fgets(path, sizeof path, list)) {
		struct stat info;
		void *image;
		int fd;

		path[strcspn(path, "\n")] = 0;
		fd = open(path, O_RDONLY);
		if (fd < 0 || fstat(fd, &info) || !(image = malloc(info.st_size)))
			continue;
		if (read(fd, image, info.st_size) == info.st_size && syscall(SYS_init_module, image, (unsigned long)info.st_size, "") && errno != EEXIST)
			printf("guest: %s does not load: %s\n", path, strerror(errno));
		free(image);
		close(fd);
	}
	if (list)
		fclose(list);
}

/* A test guest must not wait for entropy (keepalived's OpenSSL does): what the clock gives is declared good. */
static void fake_entropy(void)
{
	struct { struct rand_pool_info info; uint32_t words[64]; } pool = { { 64 * 32, sizeof pool.words }, { 0 } };
	int fd = open("/dev/random", O_WRONLY);

	for (int i = 0; i < 64; i++)
		pool.words[i] = (uint32_t)(now_ms() * 2654435761u + i * 40503u);
	if (fd < 0)
		return;
	for (int i = 0; i < 8; i++)
		if (ioctl(fd, RNDADDENTROPY, &pool))
			break;
	close(fd);
}

static void raw(int fd)
{
	struct termios settings;

	if (tcgetattr(fd, &settings))
		return;
	cfmakeraw(&settings);
	settings.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&settings, B115200);
	tcsetattr(fd, TCSANOW, &settings);
}

static int open_channel(const char **which)
{
	DIR *ports = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int fd;

	while (ports && (entry = readdir(ports))) {
		char path[512], name[64] = "", device[300];
		FILE *file;

		snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (!fgets(name, sizeof name, file))
			*name = 0;
		fclose(file);
		if (strncmp(name, "build-kernel", 12))
			continue;
		snprintf(device, sizeof device, "/dev/%s", entry->d_name);
		fd = open(device, O_RDWR | O_CLOEXEC);
		if (fd >= 0) {
			*which = "virtio-serial";
			closedir(ports);
			return fd;
		}
	}
	if (ports)
		closedir(ports);
	*which = "serial";
	mknod("/dev/ttyS1", S_IFCHR | 0600, makedev(4, 65));
	fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		raw(fd);
	return fd;
}

static void start_shell(void)
{
	if (fork())
		return;
	setsid();
	int fd = open("/dev/ttyS0", O_RDWR);

	ioctl(fd, TIOCSCTTY, 1);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	for (;;) {
		pid_t pid = fork();

		if (pid == 0) {
			execl("/bin/sh", "sh", "-l", (char *)NULL);
			_exit(127);
		}
		waitpid(pid, NULL, 0);
	}
}

/* Opens the line to the host, greets, and serves; shared by the first process and an agent beside another one. */
static int serve_host(void)
{
	char hello[256];
	const char *which = "";
	struct utsname names;
	int fd;

	uname(&names);
	/* A virtio port appears a moment after its driver. */
	for (int tries = 0; tries < 5; tries++) {
		fd = open_channel(&which);
		if (fd >= 0 && *which == 'v')
			break;
		if (tries < 4 && access("/sys/class/virtio-ports", F_OK) == 0) {
			close(fd);
			sleep_ms(50);
			continue;
		}
		break;
	}
	if (fd < 0) {
		printf("guest: no serial line to the host\n");
		for (;;)
			pause();
	}
	snprintf(hello, sizeof hello, "%s %s %lld", names.release, which, (long long)now_ms());
	reply_text(fd, "hello", "ok", 0, hello);
	serve_requests(fd, fd);
	return 0;
}

/* The agent on a system that has a first process of its own: an image under test. */
int agent_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	setvbuf(stdout, NULL, _IONBF, 0);
	setenv("PATH", "/usr/local/sbin:/sbin:/usr/sbin:/bin:/usr/bin", 1);
	fake_entropy();
	return serve_host();
}

int init_main(void)
{
	char line[1024] = "";
	int file;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mkdir("/tmp", 01777);
	mkdir("/run", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
	mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3));
	mknod("/dev/random", S_IFCHR | 0666, makedev(1, 8));
	mknod("/dev/urandom", S_IFCHR | 0666, makedev(1, 9));
	mknod("/dev/ttyS0", S_IFCHR | 0600, makedev(4, 64));
	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", 0, NULL);
	file = open("/dev/console", O_RDWR);
	if (file >= 0) {
		dup2(file, 0);
		dup2(file, 1);
		dup2(file, 2);
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	setenv("PATH", "/usr/local/sbin:/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", "linux", 1);
	reboot(RB_DISABLE_CAD);
	sethostname("guest", 5);
	load_modules();
	fake_entropy();
	file = open("/proc/cmdline", O_RDONLY);
	if (file >= 0 && read(file, line, sizeof line - 1) < 0)
		*line = 0;
	close(file);
	if (strstr(line, "guest.shell"))
		start_shell();
	return serve_host();
}
