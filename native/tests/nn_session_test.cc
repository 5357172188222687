// The training session: control, progress, determinism. Exact resume is in nn_resume_test.cc.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>

#include "nn_test_util.h"
#include "runtime/thread_pool.h"

namespace {

using namespace nn_test;
using Clock = std::chrono::steady_clock;

qat::SessionOptions short_options() {
  qat::SessionOptions options;
  options.learning_rate = 0.003;
  options.epochs = 3;
  options.batch_size = 32;
  return options;
}

struct Fixture {
  std::shared_ptr<qat::Dataset> train = clusters(200, 16, 4, 1);
  std::shared_ptr<qat::Dataset> test = clusters(80, 16, 4, 2);
  std::shared_ptr<qat::Network> network = prepared_network(mixed_nodes(), *train);
  std::unique_ptr<qat::TrainingSession> session(const qat::SessionOptions& options) {
    return std::make_unique<qat::TrainingSession>(network, train, test, options);
  }
};

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

TEST(nn_session_trains_and_reports_every_step) {
  Fixture f;
  qat::SessionOptions options = short_options();
  options.learning_rate = 0.02;
  options.epochs = 12;
  const auto session = f.session(options);
  CHECK_EQ(std::string(to_string(session->state())), std::string("idle"));
  session->start();
  const Recording r = run_to_end(*session);
  CHECK(r.last.state == qat::SessionState::kFinished);
  CHECK(!r.last.failure);
  CHECK_EQ(r.last.steps_total, 12 * 7);  // 200 samples in batches of 32: the last has 8
  CHECK_EQ(r.steps.size(), size_t{84});
  for (size_t i = 0; i < r.steps.size(); ++i) {
    CHECK_EQ(r.steps[i].step, static_cast<int64_t>(i) + 1);
    CHECK_NEAR(r.steps[i].epoch, (double(i) + 1) / 7, 1e-12);
    CHECK_NEAR(r.steps[i].learning_rate,
               0.02 * 0.5 * (1 + std::cos(3.14159265358979 * double(i) / 84)), 1e-12);
    CHECK(std::isfinite(r.steps[i].loss) && r.steps[i].loss > 0);
  }
  CHECK_EQ(r.evaluations.size(), size_t{13});
  for (size_t i = 0; i < r.evaluations.size(); ++i) {
    CHECK_EQ(r.evaluations[i].step, 7 * static_cast<int64_t>(i));
    CHECK_EQ(r.evaluations[i].layers.size(), size_t{3});
  }
  const auto& first = r.evaluations.front();
  const auto& last = r.evaluations.back();
  CHECK(last.test_loss < first.test_loss);
  CHECK_IN(last.test_accuracy.value() > 0.9, last.test_accuracy.value());
  bool flipped = false;
  for (size_t i = 0; i < 3; ++i) {
    CHECK_EQ(first.layers[i].flip_share, 0.0);
    CHECK(last.layers[i].flip_share < 0.5);
    flipped = flipped || r.evaluations[1].layers[i].flip_share > 0;
    CHECK(last.layers[i].scale_mean > 0);
    CHECK(last.layers[i].sqnr_db.has_value());
  }
  CHECK(flipped);
  // The network is free again, and what it says equals the last point.
  const auto result = f.network->evaluate(*f.test, qat::EvaluationMode::kFakeQuant);
  CHECK_EQ(result.loss, last.test_loss);
  CHECK_EQ(result.accuracy, last.test_accuracy.value());
}

TEST(nn_session_same_seed_same_bits_for_every_thread_count) {
  const int threads_before = qat::thread_count();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3, 2}) {
    qat::set_threads(threads);
    Fixture f;
    const auto session = f.session(short_options());
    session->start();
    run_to_end(*session);
    results.push_back(all_parameters(*f.network));
  }
  qat::set_threads(threads_before);
  CHECK(results[0] == results[1]);
  CHECK(results[1] == results[2]);
  CHECK(results[1] == results[3]);
  Fixture f;
  qat::SessionOptions other = short_options();
  other.seed = 2;
  const auto session = f.session(other);
  session->start();
  run_to_end(*session);
  CHECK(all_parameters(*f.network) != results[0]);
}

TEST(nn_session_pause_stops_and_resume_changes_nothing) {
  qat::SessionOptions options = short_options();
  options.epochs = 60;
  Fixture straight;
  const auto reference = straight.session(options);
  reference->start();
  run_to_end(*reference);

  Fixture f;
  const auto session = f.session(options);
  session->start();
  Recording r;
  for (int i = 0; i < 3; ++i) {
    session->pause();
    session->pause();
    CHECK(wait_until([&] {
      const auto state = session->state();
      return state == qat::SessionState::kPaused || ended(state);
    }));
    drain_into(*session, r);
    const int64_t step = r.last.step;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    drain_into(*session, r);
    CHECK_EQ(r.last.step, step);
    session->resume();
  }
  const Recording rest = run_to_end(*session);
  CHECK(rest.last.state == qat::SessionState::kFinished);
  CHECK_EQ(r.steps.size() + rest.steps.size(), size_t{60 * 7});
  CHECK(all_parameters(*f.network) == all_parameters(*straight.network));
}

TEST(nn_session_full_ring_waits_and_loses_nothing) {
  Fixture f;
  qat::SessionOptions options = short_options();
  options.ring_capacity = 4;
  const auto session = f.session(options);
  session->start();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  Recording r;
  drain_into(*session, r);
  CHECK_EQ(r.steps.size(), size_t{4});
  const Recording rest = run_to_end(*session);
  r.steps.insert(r.steps.end(), rest.steps.begin(), rest.steps.end());
  CHECK_EQ(r.steps.size(), size_t{21});
  for (size_t i = 0; i < r.steps.size(); ++i) CHECK_EQ(r.steps[i].step, int64_t(i) + 1);
}

TEST(nn_session_full_ring_still_cancels) {
  Fixture f;
  qat::SessionOptions options = short_options();
  options.ring_capacity = 4;
  const auto session = f.session(options);
  std::atomic<bool> told{false};
  session->on_ended([&](qat::SessionState state) { told = state == qat::SessionState::kCancelled; });
  session->start();
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  const auto begin = Clock::now();
  session->cancel();
  CHECK(wait_until([&] { return told.load(); }));
  CHECK(ms_since(begin) < 250);
  Recording r;
  drain_into(*session, r);
  CHECK(r.last.state == qat::SessionState::kCancelled);
  CHECK_EQ(r.steps.size(), size_t{4});
}

TEST(nn_session_cancel_is_answered_within_250_ms) {
  const auto data = clusters(4000, 256, 10, 1);
  const auto network =
      prepared_network({linear_node("a", linear_options(256, 384, 4, 4)), relu_node(),
                        linear_node("b", linear_options(384, 10, 4, 4))},
                       *clusters(100, 256, 10, 3));
  for (const int delay : {0, 5, 40, 120}) {
    qat::SessionOptions options = short_options();
    options.epochs = 100000;
    options.ring_capacity = 1 << 20;
    qat::TrainingSession session(network, data, data, options);
    std::atomic<bool> told{false};
    session.on_ended([&](qat::SessionState) { told = true; });
    session.start();
    std::this_thread::sleep_for(std::chrono::milliseconds(delay));
    const auto begin = Clock::now();
    session.cancel();
    CHECK(wait_until([&] { return told.load(); }));
    CHECK_IN(ms_since(begin) < 250, ms_since(begin));
    CHECK(session.state() == qat::SessionState::kCancelled);
  }
}

TEST(nn_session_cancel_of_a_paused_or_idle_one) {
  Fixture f;
  const auto paused = f.session(short_options());
  paused->start();
  paused->pause();
  CHECK(wait_until([&] { return paused->state() != qat::SessionState::kRunning; }));
  paused->cancel();
  CHECK(wait_until([&] { return ended(paused->state()); }));

  const auto idle = f.session(short_options());
  int told = 0;
  idle->on_ended([&](qat::SessionState state) { told += state == qat::SessionState::kCancelled; });
  idle->cancel();
  CHECK_EQ(told, 1);
  CHECK_THROWS(idle->start(), "E-RUN-STATE");
  idle->on_ended([&](qat::SessionState) { ++told; });
  CHECK_EQ(told, 2);
}

TEST(nn_session_destructor_stops_a_running_one) {
  Fixture f;
  qat::SessionOptions options = short_options();
  options.epochs = 100000;
  options.ring_capacity = 16;
  for (int i = 0; i < 5; ++i) {
    const auto session = f.session(options);
    session->start();
  }
  f.network->evaluate(*f.test, qat::EvaluationMode::kFakeQuant);  // free again
}

TEST(nn_session_diverging_learning_rate_fails_with_a_remedy) {
  for (const int bits : {32, 4}) {
    const auto data = clusters(200, 16, 4, 1);
    const auto network = prepared_network(
        {linear_node("a", linear_options(16, 12, bits, bits)), relu_node(),
         linear_node("b", linear_options(12, 4, bits, bits))},
        *data);
    qat::SessionOptions options = short_options();
    options.optimizer.kind = qat::OptimizerKind::kSgd;
    options.optimizer.momentum = 0.9;
    options.learning_rate = 1e30;
    options.schedule.kind = qat::ScheduleKind::kConstant;
    options.epochs = 20;
    qat::TrainingSession session(network, data, data, options);
    session.start();
    const Recording r = run_to_end(session);
    CHECK(r.last.state == qat::SessionState::kFailed);
    CHECK(r.last.failure.has_value());
    if (!r.last.failure) continue;
    CHECK_EQ(r.last.failure->code, std::string("E-TRAINING-DIVERGED"));
    CHECK(!r.last.failure->remedy.empty());
    for (const auto& step : r.steps) CHECK(std::isfinite(step.loss));
  }
}

TEST(nn_session_owns_its_network_while_it_runs) {
  Fixture f;
  qat::SessionOptions options = short_options();
  options.epochs = 100000;
  const auto session = f.session(options);
  session->start();
  CHECK_THROWS(f.network->evaluate(*f.test, qat::EvaluationMode::kPacked), "E-RUN-STATE");
  CHECK_THROWS(all_parameters(*f.network), "E-RUN-STATE");
  CHECK_THROWS(f.session(options), "E-RUN-STATE");
  CHECK_THROWS(session->start(), "E-RUN-STATE");
  const qat::Matrix weight = session->snapshot_tensor("middle.weight");
  CHECK_EQ(weight.rows, 12);
  CHECK_EQ(weight.values.size(), size_t{144});
  CHECK_EQ(session->snapshot_scales("middle").weight.scales.size(), size_t{24});
  CHECK_THROWS(session->snapshot_tensor("nobody.weight"), "E-LAYER-UNKNOWN");
  session->cancel();
  CHECK(wait_until([&] { return ended(session->state()); }));
  const auto now = session->snapshot_tensor("middle.weight").values;
  std::vector<float> weight_now(144);
  f.network->get_parameter("middle.weight", weight_now.data(), weight_now.size());
  CHECK(now == weight_now);
}

TEST(nn_session_refuses_what_cannot_be_trained) {
  Fixture f;
  qat::SessionOptions options = short_options();
  const auto fresh = std::make_shared<qat::Network>(mixed_nodes());
  qat::TrainingSession unprepared(fresh, f.train, f.test, options);
  CHECK_THROWS(unprepared.start(), "E-LAYER-STATE");
  f.network->set_quantized_weight("first", f.network->quantized_weight("first"));
  CHECK_THROWS(f.session(options)->start(), "E-LAYER-STATE");
  CHECK_THROWS(qat::TrainingSession(fresh, clusters(20, 15, 4, 1), f.test, options),
               "E-DATASET-MISMATCH");
  CHECK_THROWS(qat::TrainingSession(fresh, f.train, clusters(20, 16, 5, 1), options),
               "E-DATASET-MISMATCH");
  options.learning_rate = 0;
  CHECK_THROWS(f.session(options), "E-NATIVE-ARGUMENT");
  options = short_options();
  options.batch_size = 0;
  CHECK_THROWS(f.session(options), "E-NATIVE-ARGUMENT");
  options = short_options();
  options.optimizer.beta2 = 1;
  CHECK_THROWS(f.session(options), "E-NATIVE-ARGUMENT");
}

}  // namespace
