// The one way to include napi.h: fixes the Node-API version and the options every file must share.
// One binary then serves Node 18.15 and newer and Electron 25 and newer.
#pragma once

#ifndef NAPI_VERSION
#define NAPI_VERSION 8
#endif
#ifndef NAPI_CPP_EXCEPTIONS
#define NAPI_CPP_EXCEPTIONS
#endif
// Electron refuses external ArrayBuffers (V8's memory cage); this removes the calls that make them.
#ifndef NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
#define NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
#endif
#ifndef NODE_ADDON_API_DISABLE_DEPRECATED
#define NODE_ADDON_API_DISABLE_DEPRECATED
#endif
// A worker thread that is being terminated cannot be thrown into; that must not abort the process.
#ifndef NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#endif

#include <napi.h>
