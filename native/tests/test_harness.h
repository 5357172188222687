// A small test harness: TEST(name) { CHECK(...); } in any file that links tests/test_main.cc.
// A failure prints one line and lets the test go on; an escaping exception fails the test.
#pragma once

#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "qat/error.h"

namespace qat_test {

using TestFn = void (*)();

struct TestCase {
  const char* name;
  TestFn fn;
};

std::vector<TestCase>& registry();
// Prints "FAIL <test> <file>:<line> <what>" and marks the running test as failed.
void report_failure(const char* file, int line, const std::string& what);

struct Registrar {
  Registrar(const char* name, TestFn fn) { registry().push_back({name, fn}); }
};

template <typename A, typename B>
std::string describe(const char* what, const A& a, const B& b) {
  std::ostringstream out;
  out.precision(17);
  out << what << ": " << +a << " and " << +b;
  return out.str();
}
inline std::string describe(const char* what, const std::string& a, const std::string& b) {
  return std::string(what) + ": " + a + " and " + b;
}

}  // namespace qat_test

#define TEST(name)                                                      \
  static void test_##name();                                            \
  static const qat_test::Registrar registrar_##name(#name, test_##name); \
  static void test_##name()

#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) {                                                \
      qat_test::report_failure(__FILE__, __LINE__, "not true: " #condition); \
    }                                                                  \
  } while (0)

// `context` is anything that can be written to a stream.
#define CHECK_IN(condition, context)                                            \
  do {                                                                          \
    if (!(condition)) {                                                         \
      std::ostringstream check_out_;                                            \
      check_out_.precision(12);                                                 \
      check_out_ << "not true: " #condition " [" << context << "]";             \
      qat_test::report_failure(__FILE__, __LINE__, check_out_.str());           \
    }                                                                           \
  } while (0)

#define CHECK_EQ(a, b)                                                       \
  do {                                                                       \
    const auto check_a_ = (a);                                               \
    const auto check_b_ = (b);                                               \
    if (!(check_a_ == check_b_)) {                                           \
      qat_test::report_failure(                                              \
          __FILE__, __LINE__,                                                \
          qat_test::describe(#a " == " #b, check_a_, check_b_));             \
    }                                                                        \
  } while (0)

#define CHECK_NEAR(a, b, tolerance)                                                       \
  do {                                                                                    \
    const double check_a_ = static_cast<double>(a);                                       \
    const double check_b_ = static_cast<double>(b);                                       \
    if (!(std::fabs(check_a_ - check_b_) <= (tolerance))) {                               \
      qat_test::report_failure(                                                           \
          __FILE__, __LINE__,                                                             \
          qat_test::describe(#a " within " #tolerance " of " #b, check_a_, check_b_));    \
    }                                                                                     \
  } while (0)

// The statement throws qat::Error with this code.
#define CHECK_THROWS(statement, expected_code)                                            \
  do {                                                                                    \
    std::string check_code_ = "nothing";                                                  \
    try {                                                                                 \
      statement;                                                                          \
    } catch (const qat::Error& error) {                                                   \
      check_code_ = error.code();                                                         \
    }                                                                                     \
    if (check_code_ != (expected_code)) {                                                 \
      qat_test::report_failure(__FILE__, __LINE__,                                        \
                               std::string("throws ") + (expected_code) + ": " #statement \
                                   " gave " + check_code_);                               \
    }                                                                                     \
  } while (0)
