/* Notes (note.h) -> records of the file. Writer only. */
#ifndef GT_NOTE_TABLE_H
#define GT_NOTE_TABLE_H

#include "preload/note.h"

int gt_note_table_init(void);   /* memory; 0 or -ENOMEM */
void gt_note_table_begin(void); /* a generation begins in the file: numbers of objects start anew */
void gt_note_table_put(const struct gt_chunk *c);

#endif
