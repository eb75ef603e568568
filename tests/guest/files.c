/* Files and directories by way of libc: write, read back, seek, list, rename, remove.
 * | wrote 10 lines
 * | line 7 of 10
 * | size 170
 * | entries: one two
 * | renamed: 1
 * | gone: 1
 * | outside: 0
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path) {
    char *names[8];
    int n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && n < 8) names[n++] = strdup(e->d_name);
    if (d) closedir(d);
    qsort(names, n, sizeof *names, by_name);
    printf("entries:");
    for (int i = 0; i < n; i++) printf(" %s", names[i]);
    printf("\n");
}

int main(void) {
    mkdir("dir", 0755);
    FILE *f = fopen("dir/one", "w+");
    if (!f) return perror("dir/one"), 1;
    for (int i = 1; i <= 10; i++) fprintf(f, "this is line %3d\n", i);
    printf("wrote 10 lines\n");
    char line[32];
    fseek(f, 6 * 17, SEEK_SET);
    fgets(line, sizeof line, f);
    int number = 0;
    sscanf(line, "this is line %d", &number);
    printf("line %d of 10\n", number);
    fclose(f);
    struct stat st;
    stat("dir/one", &st);
    printf("size %d\n", (int)st.st_size);
    fclose(fopen("dir/two", "w"));
    list("dir");
    printf("renamed: %d\n", !rename("dir/two", "three") && !access("three", F_OK));
    unlink("dir/one");
    unlink("three");
    printf("gone: %d\n", !rmdir("dir"));
    printf("outside: %d\n", fopen("/etc/passwd", "r") != NULL || fopen("../../../../etc/passwd", "r") != NULL);
    return 0;
}
