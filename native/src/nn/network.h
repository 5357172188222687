// Nodes trained and evaluated as one: a sequence, with branches where nodes name their inputs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/activation_quantizer.h"
#include "nn/buffer_plan.h"
#include "nn/dataset.h"
#include "nn/network_spec.h"
#include "nn/types.h"
#include "runtime/cancel.h"

namespace qat {

struct ParameterInfo {
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
};

struct LayerScales {
  Scales weight;
  ActivationState activation;  // scale 0: none
};

// kFakeQuant: the trained arithmetic in float. kPacked: integer codes, never unpacked to float.
enum class EvaluationMode { kFakeQuant, kPacked };

struct EvaluationResult {
  double loss = 0;
  double accuracy = 0;
  int64_t count = 0;
};

// Parameters are named <node>.<array>: weight, bias, gamma, beta, runningMean, runningVar, slope, and
// what quantizers hold that stand in no n-bit layer: queriesScale, …; scales, zeros, zeroPoints.
// One user at a time: a call while another thread uses the network (an evaluation, a session that
// runs) throws E-RUN-STATE at once instead of waiting.
class Network {
 public:
  // Throws E-MODEL-EMPTY, E-MODEL-GRAPH (sizes that do not follow, names twice), and the layers' errors.
  explicit Network(const std::vector<NetworkNode>& nodes);
  ~Network();

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }
  int64_t native_bytes() const;
  const std::vector<ParameterInfo>& parameters() const { return parameters_; }
  // Throws E-LAYER-UNKNOWN for a name it does not have, E-WEIGHT-SHAPE for a wrong count.
  void get_parameter(const std::string& name, float* target, size_t count) const;
  void set_parameter(const std::string& name, const float* values, size_t count);
  // Weights and biases Kaiming uniform; each n-bit layer's own stream of the seed.
  void reset_parameters(uint64_t seed);
  // Weight scales by each node's estimator; activation scales layer by layer from the first `count`
  // samples pushed through the already quantized prefix.
  void prepare(const Dataset& calibration, int64_t count, const CancelToken* cancel = nullptr);
  // The same for the nodes that lack something; the others keep what they have, to the bit.
  void prepare_missing(const Dataset& calibration, int64_t count,
                       const CancelToken* cancel = nullptr);
  // Takes over what the nodes of the same name and operation in `other` hold: everything from a node that
  // computes alike; weights, biases and statistics where quantizers differ, which are to be prepared
  // then. So a float network becomes an n-bit one, layer by layer. Linear, MPQ and mixed-row nodes become
  // each other: weight and bias are kept, the weights of a channel scale c divided by it, (x ⊙ c)·(w/c)ᵀ.
  // E-MODEL-GRAPH for every other change of the operation, and where a bias, an input shift or
  // statistics have no place in the new node; E-LAYER-STATE for a node of `other` that has only its packed
  // weight; E-WEIGHT-SHAPE for another shape.
  void take_from(const Network& other);
  LayerScales scales(const std::string& layer) const;
  // An activation scale of 0 leaves it as it is (float activations).
  void set_scales(const std::string& layer, const Scales& weight,
                  const ActivationState& activation);
  // Of linear, convolution and embedding nodes; E-QUANTIZER-INVALID for others.
  QuantizedWeight quantized_weight(const std::string& layer);
  void set_quantized_weight(const std::string& layer, const QuantizedWeight& weight);
  // Of every kind of layer. A packed weight of a weight-only layer or an embedding can be trained on.
  PackedWeight packed_weight(const std::string& layer);
  void set_packed_weight(const std::string& layer, const PackedWeight& weight);
  // [count, outputs]
  std::vector<float> logits(const Dataset& data, EvaluationMode mode,
                            const CancelToken* cancel = nullptr);
  EvaluationResult evaluate(const Dataset& data, EvaluationMode mode,
                            const CancelToken* cancel = nullptr);
  // What reaches the layer for the first `count` samples, by the trained arithmetic: [count, input]
  // before its own input quantizer. Throws E-LAYER-UNKNOWN, E-DATASET-MISMATCH.
  std::vector<float> layer_inputs(const std::string& layer, const Dataset& data, int64_t count,
                                  const CancelToken* cancel = nullptr);
  // Values of one sample that reach the layer. Throws E-LAYER-UNKNOWN.
  int64_t layer_input_size(const std::string& layer) const;

 private:
  friend class NetworkUse;
  friend class NetworkAccess;
  struct Node;
  struct Workspace;

  // A module's array, by its full name.
  struct FoundParameter {
    Node* node;
    size_t index;
    size_t size;
    const float* value() const;
  };

  void add_node(const NetworkNode& spec);
  SampleShape shape_of(int64_t node) const;
  NBitLayer& layer_named(const std::string& layer) const;
  Node& weight_node(const std::string& layer) const;
  size_t index_of_layer(const std::string& layer) const;
  FoundParameter find_parameter(const std::string& name) const;
  BufferPlan inference_plan() const;
  std::vector<const float*> inputs_of(const BufferPlan& plan, size_t index, int64_t first);
  void run_node(const BufferPlan& plan, size_t index, int64_t first, int64_t rows, Pass pass);
  EvaluationResult evaluate_held(const Dataset& data, EvaluationMode mode,
                                 const CancelToken* cancel, float* logits);
  void require_data(const Dataset& data) const;
  void prepare_nodes(const Dataset& calibration, int64_t count, bool only_missing,
                     const CancelToken* cancel);

  mutable std::atomic<bool> in_use_{false};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<ParameterInfo> parameters_;
  std::unique_ptr<Workspace> workspace_;
  SampleShape input_shape_;
  std::string input_name_;  // empty: samples cannot be named
  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
};

}  // namespace qat
