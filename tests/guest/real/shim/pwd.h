/* SQLite's shell looks for a home directory here. */
struct passwd {
    char *pw_dir;
};
