/* Four threads with a connection each in one WAL database: inserts, sums; and sorting with sqlite's
 * own worker threads. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static const char *path;

static void run(sqlite3 *db, const char *sql)
{
	char *err = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &err) != SQLITE_OK) {
		printf("%s: %s\n", sql, err);
		exit(1);
	}
}

static sqlite3 *opened(void)
{
	sqlite3 *db;
	if (sqlite3_open(path, &db) != SQLITE_OK)
		exit(2);
	sqlite3_busy_timeout(db, 60000);
	run(db, "pragma journal_mode=wal; pragma synchronous=off; pragma threads=2;");
	return db;
}

static void *work(void *arg)
{
	sqlite3 *db = opened();
	char sql[200];
	for (int i = 0; i < 1500; i++) {
		snprintf(sql, sizeof(sql), "insert into t values (%ld, %d, hex(zeroblob(50)))",
			 (long)arg, i * 7919 % 1500);
		run(db, sql);
	}
	sqlite3_close(db);
	return NULL;
}

static int show(void *arg, int n, char **v, char **names)
{
	(void)arg;
	(void)names;
	for (int i = 0; i < n; i++)
		printf("%s ", v[i]);
	puts("");
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t th[4];
	path = argc > 1 ? argv[1] : "t.db";
	sqlite3 *db = opened();
	run(db, "create table t (who, n, text)");
	for (long i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, work, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	sqlite3_exec(db, "select count(*), sum(n), sum(who) from t", show, NULL, NULL);
	run(db, "create table big as with recursive c(x) as (select 1 union all select x + 1 from "
		"c where x < 400000) select x * 7919 % 400009 as k, x from c");
	run(db, "create index i on big (k, x)");
	sqlite3_exec(db, "select sum(k), count(*) from big where k > 1000; pragma integrity_check",
		     show, NULL, NULL);
	sqlite3_close(db);
	return 0;
}
