// Checkpoints: exact resume, and bytes that nobody should trust.
#include <algorithm>
#include <cstring>

#include "nn_test_util.h"
#include "runtime/hash.h"

namespace {

using namespace nn_test;
using Bytes = std::vector<uint8_t>;

struct Setting {
  std::shared_ptr<qat::Dataset> train = clusters(150, 16, 4, 1);
  std::shared_ptr<qat::Dataset> test = clusters(60, 16, 4, 2);
  qat::SessionOptions options;

  explicit Setting(qat::OptimizerKind kind = qat::OptimizerKind::kAdamW) {
    options.optimizer.kind = kind;
    options.optimizer.weight_decay = 1e-3;
    if (kind == qat::OptimizerKind::kSgd) {
      options.optimizer.momentum = 0.9;
      options.optimizer.nesterov = true;
    }
    options.learning_rate = 0.004;
    options.epochs = 3;
    options.batch_size = 30;
    options.loss.label_smoothing = 0.05;
  }
  std::shared_ptr<qat::Network> network() const { return prepared_network(mixed_nodes(), *train); }
  std::unique_ptr<qat::TrainingSession> session(std::shared_ptr<qat::Network> net) const {
    return std::make_unique<qat::TrainingSession>(std::move(net), train, test, options);
  }
  // A run that was stopped after exactly `steps` updates: the full ring holds it there.
  Bytes checkpoint_at(size_t steps) const {
    Setting limited = *this;
    if (steps > 0) limited.options.ring_capacity = steps;
    const auto stopped = limited.session(limited.network());
    if (steps == 0) return stopped->checkpoint();
    stopped->start();
    CHECK(wait_until([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      Bytes bytes = stopped->checkpoint();
      int64_t step = 0;
      std::memcpy(&step, bytes.data() + step_offset(bytes), sizeof step);
      return step == static_cast<int64_t>(steps);
    }));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const Bytes bytes = stopped->checkpoint();
    stopped->cancel();
    return bytes;
  }
  static size_t step_offset(const Bytes& bytes) {
    uint32_t description = 0;
    std::memcpy(&description, bytes.data() + 20, sizeof description);
    return 24 + description + 16;
  }
};

bool same_point(const qat::SessionStep& a, const qat::SessionStep& b) {
  return a.step == b.step && a.loss == b.loss && a.epoch == b.epoch &&
         a.learning_rate == b.learning_rate;
}

bool same_point(const qat::SessionEvaluation& a, const qat::SessionEvaluation& b) {
  bool same = a.step == b.step && a.test_loss == b.test_loss &&
              a.test_accuracy == b.test_accuracy && a.layers.size() == b.layers.size();
  for (size_t i = 0; same && i < a.layers.size(); ++i) {
    same = a.layers[i].sqnr_db == b.layers[i].sqnr_db &&
           a.layers[i].scale_mean == b.layers[i].scale_mean &&
           a.layers[i].flip_share == b.layers[i].flip_share;
  }
  return same;
}

// Every point of `tail` is the end of `whole`.
template <typename Point>
bool is_tail(const std::vector<Point>& whole, const std::vector<Point>& tail) {
  if (tail.size() > whole.size()) return false;
  const size_t skip = whole.size() - tail.size();
  for (size_t i = 0; i < tail.size(); ++i) {
    if (!same_point(whole[skip + i], tail[i])) return false;
  }
  return true;
}

void check_exact_resume(qat::OptimizerKind kind) {
  const Setting setting(kind);
  const auto reference = setting.network();
  const auto whole = setting.session(reference);
  whole->start();
  const Recording expected = run_to_end(*whole);
  const Bytes end = whole->checkpoint();
  for (const size_t steps : {0, 1, 4, 5, 6, 10, 14, 15}) {
    const Bytes bytes = setting.checkpoint_at(steps);
    const auto network = std::make_shared<qat::Network>(mixed_nodes());
    const auto resumed = setting.session(network);
    resumed->restore(bytes.data(), bytes.size());
    CHECK(resumed->checkpoint() == bytes);
    resumed->start();
    const Recording rest = run_to_end(*resumed);
    CHECK(rest.last.state == qat::SessionState::kFinished);
    CHECK_EQ(rest.steps.size(), 15 - steps);
    CHECK_IN(is_tail(expected.steps, rest.steps), "steps after " << steps);
    CHECK_IN(is_tail(expected.evaluations, rest.evaluations), "evaluations after " << steps);
    CHECK_IN(all_parameters(*network) == all_parameters(*reference), "parameters after " << steps);
    CHECK_IN(resumed->checkpoint() == end, "checkpoint after " << steps);
  }
}

TEST(nn_resume_is_exact_with_adamw) { check_exact_resume(qat::OptimizerKind::kAdamW); }
TEST(nn_resume_is_exact_with_sgd) { check_exact_resume(qat::OptimizerKind::kSgd); }
TEST(nn_resume_is_exact_with_radam) { check_exact_resume(qat::OptimizerKind::kRAdam); }
TEST(nn_resume_is_exact_with_lion) { check_exact_resume(qat::OptimizerKind::kLion); }

// A rate lost on the way, or the default one taken after the resume, ends in other weights.
TEST(nn_resume_keeps_a_beta2_that_is_not_the_default) {
  using Kind = qat::OptimizerKind;
  for (const Kind kind : {Kind::kAdam, Kind::kAdamW, Kind::kRAdam, Kind::kLion, Kind::kDiode}) {
    const auto ended_with = [](const Setting& setting, const Bytes* from) {
      const auto network = setting.network();
      const auto session = setting.session(network);
      if (from) session->restore(from->data(), from->size());
      session->start();
      CHECK(run_to_end(*session).last.state == qat::SessionState::kFinished);
      return all_parameters(*network);
    };
    Setting usual(kind);
    usual.options.optimizer = qat::default_options(kind);
    Setting own = usual;
    own.options.optimizer.beta2 = 0.8;
    const Bytes stopped = own.checkpoint_at(7);
    const auto whole = ended_with(own, nullptr);
    CHECK_IN(ended_with(own, &stopped) == whole, static_cast<int>(kind));
    CHECK_IN(ended_with(usual, nullptr) != whole, static_cast<int>(kind));
    const auto other = usual.session(usual.network());
    CHECK_THROWS(other->restore(stopped.data(), stopped.size()), "E-CHECKPOINT");
  }
}

TEST(nn_checkpoint_of_a_paused_session_resumes_exactly) {
  const Setting setting;
  const auto reference = setting.network();
  const auto whole = setting.session(reference);
  whole->start();
  run_to_end(*whole);
  const auto paused = setting.session(setting.network());
  paused->start();
  paused->pause();
  CHECK(wait_until([&] { return paused->state() != qat::SessionState::kRunning; }));
  const Bytes bytes = paused->checkpoint();
  paused->cancel();
  const auto network = std::make_shared<qat::Network>(mixed_nodes());
  const auto resumed = setting.session(network);
  resumed->restore(bytes.data(), bytes.size());
  resumed->start();
  run_to_end(*resumed);
  CHECK(all_parameters(*network) == all_parameters(*reference));
}

TEST(nn_checkpoints_kept_by_the_clock_are_consistent) {
  Setting setting;
  setting.options.snapshot_ms = 1;
  setting.options.epochs = 40;
  const auto session = setting.session(setting.network());
  session->start();
  Bytes bytes;
  CHECK(wait_until([&] {
    bytes = session->checkpoint();
    session->drain();
    return ended(session->state());
  }));
  const auto other = setting.session(std::make_shared<qat::Network>(mixed_nodes()));
  other->restore(bytes.data(), bytes.size());
}

// --- bytes nobody should trust ----------------------------------------------------------------------

struct Target {
  Setting setting;
  Bytes good = setting.checkpoint_at(6);
  std::shared_ptr<qat::Network> network = setting.network();
  std::unique_ptr<qat::TrainingSession> session = setting.session(network);
  Bytes before = session->checkpoint();

  // "" when it was taken, else the code; a refusal must leave everything as it was.
  std::string restore(const Bytes& bytes) {
    try {
      session->restore(bytes.data(), bytes.size());
      return "";
    } catch (const qat::Error& error) {
      CHECK(!error.remedy().empty());
      CHECK(session->checkpoint() == before);
      return error.code();
    }
  }
};

void fix_checksum(Bytes& bytes) {
  const uint64_t hash = qat::xxh64(bytes.data(), bytes.size() - sizeof hash);
  std::memcpy(bytes.data() + bytes.size() - sizeof hash, &hash, sizeof hash);
}

void fix_size_and_checksum(Bytes& bytes) {
  const uint64_t size = bytes.size();
  std::memcpy(bytes.data() + 12, &size, sizeof size);
  fix_checksum(bytes);
}

TEST(nn_checkpoint_truncated_anywhere_is_refused) {
  Target t;
  for (size_t size = 0; size < t.good.size(); size += 7) {
    Bytes cut(t.good.begin(), t.good.begin() + static_cast<int64_t>(size));
    CHECK_IN(t.restore(cut) == "E-CHECKPOINT", size);
    if (size < 64) continue;
    fix_size_and_checksum(cut);  // passes the outer check, so that the reader itself must notice
    CHECK_IN(t.restore(cut) == "E-CHECKPOINT", size);
  }
  Bytes longer = t.good;
  longer.insert(longer.end() - 8, 24, 0);
  fix_size_and_checksum(longer);
  CHECK_EQ(t.restore(longer), std::string("E-CHECKPOINT"));
}

TEST(nn_checkpoint_with_a_flipped_bit_is_refused) {
  Target t;
  for (size_t at = 0; at < t.good.size(); ++at) {
    Bytes bad = t.good;
    bad[at] ^= static_cast<uint8_t>(1 << at % 8);
    CHECK_IN(t.restore(bad) == "E-CHECKPOINT", at);
  }
  CHECK_EQ(t.restore(t.good), std::string(""));
}

// A forged checksum: the content may be other legal values, but nothing may crash or be half taken.
TEST(nn_checkpoint_with_forged_bytes_is_refused_or_taken_whole) {
  Target t;
  int taken = 0;
  for (size_t at = 0; at < t.good.size() - 8; at += 3) {
    Bytes bad = t.good;
    bad[at] ^= static_cast<uint8_t>(at % 2 ? 0xff : 1 << at % 8);
    fix_checksum(bad);
    const std::string code = t.restore(bad);
    CHECK_IN(code == "" || code == "E-CHECKPOINT", at << code);
    if (!code.empty()) continue;
    ++taken;
    CHECK(t.session->checkpoint() == bad);
    t.before = bad;
  }
  CHECK(taken > 0);
}

TEST(nn_checkpoint_of_another_run_is_refused) {
  Target t;
  Setting other = t.setting;
  other.options.learning_rate = 0.005;
  CHECK_EQ(t.restore(other.session(other.network())->checkpoint()), std::string("E-CHECKPOINT"));
  other = t.setting;
  other.test = clusters(60, 16, 4, 3);
  CHECK_EQ(t.restore(other.session(other.network())->checkpoint()), std::string("E-CHECKPOINT"));
  auto nodes = mixed_nodes();
  nodes[0].linear.weight.quantizer.bits = 5;
  CHECK_EQ(t.restore(t.setting.session(prepared_network(nodes, *t.setting.train))->checkpoint()),
           std::string("E-CHECKPOINT"));
  t.session->start();
  CHECK_THROWS(t.session->restore(t.good.data(), t.good.size()), "E-RUN-STATE");
}

}  // namespace
