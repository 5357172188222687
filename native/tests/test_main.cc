// Runs every registered test, or those whose names contain the first argument.
#include <cstdio>
#include <cstring>
#include <exception>

#include "test_harness.h"

namespace qat_test {
namespace {
const char* running_test = "";
int running_failures = 0;
}  // namespace

std::vector<TestCase>& registry() {
  static std::vector<TestCase> cases;
  return cases;
}

void report_failure(const char* file, int line, const std::string& what) {
  ++running_failures;
  const int kMostPrintedPerTest = 10;
  if (running_failures <= kMostPrintedPerTest) {
    std::printf("FAIL %s %s:%d %s\n", running_test, file, line, what.c_str());
  }
}

static int run(const char* filter) {
  int passed = 0;
  int failed = 0;
  for (const TestCase& test : registry()) {
    if (filter && !std::strstr(test.name, filter)) continue;
    running_test = test.name;
    running_failures = 0;
    try {
      test.fn();
    } catch (const std::exception& error) {
      report_failure("?", 0, std::string("exception: ") + error.what());
    }
    ++(running_failures ? failed : passed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed || passed == 0;
}

}  // namespace qat_test

int main(int argc, char** argv) { return qat_test::run(argc > 1 ? argv[1] : nullptr); }
