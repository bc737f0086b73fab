#include "child.h"

#include "base/assert.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int child_start(void (*body)(void), struct procdir *ret)
{
	struct error err;
	int pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body();
		_exit(1);
	}
	must(pid > 0);
	must(procdir_open(NULL, pid, ret, &err) == 0);
	return pid;
}

void child_end(int pid, struct procdir *dir)
{
	int status;

	kill(pid, SIGKILL);
	must(waitpid(pid, &status, 0) == pid);
	must(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	procdir_close(dir);
}
