/* The switch of abseil.h: in C++, because abseil has no other interface. */
#include "base/abseil.h"

#if __has_include(<absl/synchronization/mutex.h>)
#include <absl/synchronization/mutex.h>

void abseil_quiet(void)
{
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}
#else
void abseil_quiet(void)
{
}
#endif
