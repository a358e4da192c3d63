/* A store as a file: JSON, one entry a line, so that people can read it. For store_saver.c. */
#ifndef LUACSI_IO_STORE_FILE_H
#define LUACSI_IO_STORE_FILE_H

#include "io/store_table.h"

/* Adds the entries of the file at path to store, which is empty; those that have expired meanwhile
 * are left out. No file: nothing to add. Fails with DATA_LOSS when the file is not what
 * store_file_save wrote, with file_read's codes when it cannot be read. */
int store_file_load(const char *path, struct store *store, struct err *err);

/* Replaces the file in one step: whatever happens, the path has the old content or the new one, and
 * after success it is on the disk. Writes path.tmp beside it. */
int store_file_save(const char *path, struct store_entry *const *entries, size_t n,
                    struct err *err);

#endif
