/// Which lines are the longest? Lines of standard input go through a bounded queue to two workers,
/// who keep the three longest: how a kernel extension hands work to threads of its own.
#include <kern/locks.h>
#include <libkern/libkern.h>
#include <pthread.h>
#include <sys/malloc.h>
#include <sys/proc.h>

#define ROOM 4
#define KEPT 3

static struct work {
  lck_mtx_t* lock;
  char* line[ROOM]; /* waiting: the reader sleeps on &line, the workers on &waiting */
  int waiting, ended;
  char* longest[KEPT];
} work;

static char* keep_longest(char* line) {
  for (int i = 0; i < KEPT && line != NULL; i++) {
    if (work.longest[i] == NULL || strlen(line) > strlen(work.longest[i])) {
      char* shorter = work.longest[i];
      work.longest[i] = line;
      line = shorter;
    }
  }
  return line;
}

static void* worker(void* unused) {
  lck_mtx_lock(work.lock);
  for (;;) {
    while (work.waiting == 0 && !work.ended)
      msleep(&work.waiting, work.lock, PWAIT, "lines", NULL);
    if (work.waiting == 0)
      break;
    char* rest = keep_longest(work.line[--work.waiting]);
    wakeup_one(&work.line);
    FREE(rest, M_TEMP);
  }
  lck_mtx_unlock(work.lock);
  return unused;
}

static void hand_over(const char* line) {
  char* copy;
  MALLOC(copy, char*, strlen(line) + 1, M_TEMP, M_WAITOK);
  memcpy(copy, line, strlen(line) + 1);
  lck_mtx_lock(work.lock);
  while (work.waiting == ROOM)
    msleep(&work.line, work.lock, PWAIT, "room", NULL);
  work.line[work.waiting++] = copy;
  wakeup_one(&work.waiting);
  lck_mtx_unlock(work.lock);
}

int main(void) {
  lck_grp_t* group = lck_grp_alloc_init("largest", LCK_GRP_ATTR_NULL);
  pthread_t workers[2];
  char line[4096];
  work.lock = lck_mtx_alloc_init(group, LCK_ATTR_NULL);
  for (int i = 0; i < 2; i++)
    pthread_create(&workers[i], NULL, worker, NULL);
  while (fgets(line, sizeof line, stdin) != NULL)
    hand_over(line);
  lck_mtx_lock(work.lock);
  work.ended = 1;
  lck_mtx_unlock(work.lock);
  wakeup(&work.waiting);
  for (int i = 0; i < 2; i++)
    pthread_join(workers[i], NULL);
  for (int i = 0; i < KEPT && work.longest[i] != NULL; i++) {
    fputs(work.longest[i], stdout);
    FREE(work.longest[i], M_TEMP);
  }
  lck_mtx_free(work.lock, group);
  lck_grp_free(group);
  return 0;
}
