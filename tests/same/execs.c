/* Every exec, in the child of fork and of vfork, good and bad; spawn, system, popen. It runs itself
 * as "execs show ...". */
#include "tests/same/see.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;
static char self[4096];

static int show(int argc, char **argv)
{
	printf("  ");
	for (int i = 1; i < argc; i++)
		printf("[%s]", argv[i]);
	const char *v = getenv("EXECS");
	printf(" EXECS=%s\n", v ? v : "(none)");
	fflush(stdout);
	return argc + 10;
}

enum how { EXECL, EXECLP, EXECLE, EXECV, EXECVP, EXECVE, EXECVPE, FEXECVE, N_HOW };

static void run(enum how how, const char *path)
{
	char *const argv[] = { "execs", "show", "from an array", NULL };
	char *const envp[] = { "EXECS=own environment", NULL };
	switch (how) {
	case EXECL:
		execl(path, "execs", "show", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10",
		      (char *)NULL);
		break;
	case EXECLP:
		execlp(path, "execs", "show", "1", (char *)NULL);
		break;
	case EXECLE:
		execle(path, "execs", "show", "1", "2", "3", "4", "5", "6", "7", (char *)NULL,
		       envp);
		break;
	case EXECV:
		execv(path, argv);
		break;
	case EXECVP:
		execvp(path, argv);
		break;
	case EXECVE:
		execve(path, argv, envp);
		break;
	case EXECVPE:
		execvpe(path, argv, envp);
		break;
	case FEXECVE:
		fexecve(open(path, O_RDONLY | O_CLOEXEC), argv, envp);
		break;
	default:
		break;
	}
}

static void finished(const char *what, int how, pid_t pid)
{
	int st = 0;
	CHECK(waitpid(pid, &st, 0) == pid);
	printf("%s %d: %d\n", what, how, WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st));
	fflush(stdout);
}

static void forked(int how)
{
	const pid_t pid = fork();
	if (!pid) {
		run((enum how)how, self);
		_exit(99);
	}
	finished("fork", how, pid);
}

/* N.B. vfork: the child is on our stack until it is gone, and nothing of it may reach our trace */
static void vforked(int how, const char *path)
{
	volatile int before = 5, failed = 0;
	const pid_t pid = vfork();
	if (!pid) {
		run((enum how)how, path);
		failed = errno;
		_exit(98);
	}
	finished("vfork", how, pid);
	printf("  frame kept %d, errno of the child %d\n", before, failed);
}

static void *vforks(void *arg)
{
	for (int i = 0; i < 20; i++)
		vforked(i % N_HOW, self);
	vforked(EXECL, "/nowhere");
	vforked(EXECVE, "/nowhere");
	return arg;
}

static void spawns(void)
{
	char *const argv[] = { "execs", "show", "spawned", NULL };
	char *const envp[] = { "EXECS=of spawn", NULL };
	char command[5000], line[200];
	pid_t pid;
	CHECK(!posix_spawn(&pid, self, NULL, NULL, argv, envp));
	finished("spawn", 0, pid);
	CHECK(!posix_spawnp(&pid, self, NULL, NULL, argv, environ));
	finished("spawnp", 0, pid);
	SEE(posix_spawn(&pid, "/nowhere", NULL, NULL, argv, envp));
	snprintf(command, sizeof(command), "%s show 'by system'", self);
	SEE_RC(system(command));
	SEE_RC(system("exit 7"));
	SEE_RC(system(NULL) != 0);
	FILE *const f = popen(command, "r");
	CHECK(f && fgets(line, sizeof(line), f));
	printf("%s", line);
	SEE_RC(pclose(f));
	SEE_RC(popen("true", "neither") != NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return show(argc, argv);
	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	CHECK(!setenv("EXECS", "inherited", 1));
	for (int how = 0; how < N_HOW; how++)
		forked(how);
	SEE_RC(execl("/nowhere", "a", (char *)NULL));
	SEE_RC(execlp("no-such-program", "a", (char *)NULL));
	SEE_RC(execv("/", argv));
	char **volatile bad = (char **)8;
	SEE_RC(execve(self, bad, environ));
	SEE_RC(fexecve(-1, argv, environ));
	vforks(NULL);
	pthread_t t;
	CHECK(!pthread_create(&t, NULL, vforks, NULL) && !pthread_join(t, NULL));
	spawns();
	fflush(stdout);
	execl(self, "execs", "show", "the last one", (char *)NULL);
	return 1;
}
