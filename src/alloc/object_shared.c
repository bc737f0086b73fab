/*
 * The shared library is linked without what compilers put around a library's code, so it says
 * itself what of that libc asks for: by which name this object's handlers are registered. Who
 * builds it with all that around gets the other one.
 */
extern void *__dso_handle;
__attribute__((weak, visibility("hidden"))) void *__dso_handle = &__dso_handle;
