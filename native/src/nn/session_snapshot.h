// A consistent copy of a network's parameters and scales for readers. Inside nn/ only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/network.h"

namespace qat {

class SessionSnapshot {
 public:
  // Throws E-LAYER-UNKNOWN for names the network does not have, E-LAYER-STATE for values not set.
  Matrix tensor(const std::string& parameter) const;
  LayerScales layer_scales(const std::string& layer) const;
  int64_t native_bytes() const;

 private:
  friend std::shared_ptr<const SessionSnapshot> take_snapshot(Network& network);
  struct Parameter {
    ParameterInfo info;
    std::vector<float> values;  // empty: not set
  };
  struct Layer {
    std::string name;
    LayerScales scales;
    bool set = false;
  };
  std::vector<Parameter> parameters_;
  std::vector<Layer> layers_;
};

// The caller holds the network.
std::shared_ptr<const SessionSnapshot> take_snapshot(Network& network);

}  // namespace qat
