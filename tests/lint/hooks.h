/* Expands preload/hooks.def to a list of names, for the preprocessor only (Makefile, lint). */
/* clang-format off */
#define GT_BLOCKING(group, why, ret, name, ...) @hook name;
#define GT_CUSTOM(group, why, ret, name, ...) @hook name;
#define GT_ASM(group, why, ret, name, ...) @hook name;
#include "preload/hooks.def"
