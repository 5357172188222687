// What a training session is made of besides its thread; shared with the checkpoint. Inside nn/ only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/dataset.h"
#include "nn/network.h"
#include "nn/network_trainer.h"
#include "nn/training_session.h"

namespace qat {

// Where `step` stands in the training.
struct SessionData;
TrainingPosition training_position(const SessionData& data, int64_t step);

struct SessionPosition {
  int64_t step = 0;                // updates made
  bool evaluation_pending = true;  // the evaluation after `step` updates was not yet handed over
};

struct SessionData {
  SessionOptions options;
  std::shared_ptr<Network> network;
  std::shared_ptr<Network> teacher;  // null without one
  std::vector<float> teacher_train, teacher_test;  // its outputs, once the training runs
  std::shared_ptr<const Dataset> train, test;
  int64_t steps_per_epoch = 0;
  int64_t steps_total = 0;
  SessionPosition position;
  // Packed codes of each linear layer at the last evaluation: empty before the first, and for floats.
  std::vector<std::vector<uint8_t>> codes;
};

// Diagnostics of every linear layer; `codes` becomes the current ones.
std::vector<LayerDiagnostics> diagnose_layers(Network& network,
                                              std::vector<std::vector<uint8_t>>& codes);

// Everything an exact resume needs, as one versioned, checksummed blob.
std::vector<uint8_t> write_checkpoint(const SessionData& data, NetworkTrainer& trainer);
// Puts it back. Throws E-CHECKPOINT, with everything as it was, for any other bytes.
void read_checkpoint(const uint8_t* bytes, size_t size, SessionData& data, NetworkTrainer& trainer);

}  // namespace qat
