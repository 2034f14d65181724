// Generated from crds/ by tools/generate.ts. Do not edit.
var __getOwnPropNames = Object.getOwnPropertyNames;
var __commonJS = (cb, mod) => function __require() {
  try {
    return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
  } catch (e) {
    throw mod = 0, e;
  }
};

var require_ucs2length = __commonJS({
  "node_modules/ajv/dist/runtime/ucs2length.js"(exports) {
    "use strict";
    Object.defineProperty(exports, "__esModule", { value: true });
    function ucs2length(str) {
      const len = str.length;
      let length = 0;
      let pos = 0;
      let value;
      while (pos < len) {
        length++;
        value = str.charCodeAt(pos++);
        if (value >= 55296 && value <= 56319 && pos < len) {
          value = str.charCodeAt(pos);
          if ((value & 64512) === 56320)
            pos++;
        }
      }
      return length;
    }
    exports.default = ucs2length;
    ucs2length.code = 'require("ajv/dist/runtime/ucs2length").default';
  }
});

var authorizationPolicy = validate21;
var schema7 = { "type": "object", "properties": { "selector": { "$ref": "#/$defs/AuthorizationPolicySelector" }, "targetRefs": { "type": "array", "minItems": 1, "maxItems": 16, "x-kubernetes-list-map-keys": ["name"], "items": { "$ref": "#/$defs/AuthorizationPolicyTargetRef" } }, "action": { "type": "string", "enum": ["ALLOW", "DENY"] }, "enforcement": { "type": "string", "enum": ["Enforced", "DryRun"] }, "rules": { "type": "array", "minItems": 1, "maxItems": 64, "items": { "$ref": "#/$defs/AuthorizationPolicyRule" } } }, "additionalProperties": false };
var func2 = require_ucs2length().default;
function validate23(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.matchLabels === void 0 && (missing0 = "matchLabels")) {
        validate23.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "matchLabels")) {
            validate23.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.matchLabels !== void 0) {
            let data0 = data.matchLabels;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (data0 && typeof data0 == "object" && !Array.isArray(data0)) {
                if (Object.keys(data0).length > 16) {
                  validate23.errors = [{ instancePath: instancePath + "/matchLabels", schemaPath: "#/properties/matchLabels/maxProperties", keyword: "maxProperties", params: { limit: 16 }, message: "must NOT have more than 16 properties" }];
                  return false;
                } else {
                  if (Object.keys(data0).length < 1) {
                    validate23.errors = [{ instancePath: instancePath + "/matchLabels", schemaPath: "#/properties/matchLabels/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
                    return false;
                  } else {
                    for (const key1 in data0) {
                      let data1 = data0[key1];
                      const _errs5 = errors;
                      if (errors === _errs5) {
                        if (typeof data1 === "string") {
                          if (func2(data1) > 63) {
                            validate23.errors = [{ instancePath: instancePath + "/matchLabels/" + key1.replace(/~/g, "~0").replace(/\//g, "~1"), schemaPath: "#/properties/matchLabels/additionalProperties/maxLength", keyword: "maxLength", params: { limit: 63 }, message: "must NOT have more than 63 characters" }];
                            return false;
                          }
                        } else {
                          validate23.errors = [{ instancePath: instancePath + "/matchLabels/" + key1.replace(/~/g, "~0").replace(/\//g, "~1"), schemaPath: "#/properties/matchLabels/additionalProperties/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                          return false;
                        }
                      }
                      var valid1 = _errs5 === errors;
                      if (!valid1) {
                        break;
                      }
                    }
                  }
                }
              } else {
                validate23.errors = [{ instancePath: instancePath + "/matchLabels", schemaPath: "#/properties/matchLabels/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
                return false;
              }
            }
          }
        }
      }
    } else {
      validate23.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate23.errors = vErrors;
  return errors === 0;
}
var schema9 = { "type": "object", "required": ["kind", "name"], "properties": { "group": { "type": "string", "enum": [""] }, "kind": { "type": "string", "enum": ["Service"] }, "name": { "type": "string", "minLength": 1, "maxLength": 63 } }, "additionalProperties": false };
function validate25(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.kind === void 0 && (missing0 = "kind") || data.name === void 0 && (missing0 = "name")) {
        validate25.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "group" || key0 === "kind" || key0 === "name")) {
            validate25.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.group !== void 0) {
            let data0 = data.group;
            const _errs2 = errors;
            if (typeof data0 !== "string") {
              validate25.errors = [{ instancePath: instancePath + "/group", schemaPath: "#/properties/group/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
              return false;
            }
            if (!(data0 === "")) {
              validate25.errors = [{ instancePath: instancePath + "/group", schemaPath: "#/properties/group/enum", keyword: "enum", params: { allowedValues: schema9.properties.group.enum }, message: "must be equal to one of the allowed values" }];
              return false;
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.kind !== void 0) {
              let data1 = data.kind;
              const _errs4 = errors;
              if (typeof data1 !== "string") {
                validate25.errors = [{ instancePath: instancePath + "/kind", schemaPath: "#/properties/kind/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
              if (!(data1 === "Service")) {
                validate25.errors = [{ instancePath: instancePath + "/kind", schemaPath: "#/properties/kind/enum", keyword: "enum", params: { allowedValues: schema9.properties.kind.enum }, message: "must be equal to one of the allowed values" }];
                return false;
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.name !== void 0) {
                let data2 = data.name;
                const _errs6 = errors;
                if (errors === _errs6) {
                  if (typeof data2 === "string") {
                    if (func2(data2) > 63) {
                      validate25.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/maxLength", keyword: "maxLength", params: { limit: 63 }, message: "must NOT have more than 63 characters" }];
                      return false;
                    } else {
                      if (func2(data2) < 1) {
                        validate25.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                        return false;
                      }
                    }
                  } else {
                    validate25.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                    return false;
                  }
                }
                var valid0 = _errs6 === errors;
              } else {
                var valid0 = true;
              }
            }
          }
        }
      }
    } else {
      validate25.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate25.errors = vErrors;
  return errors === 0;
}
var pattern0 = new RegExp("^[!-~]+$", "u");
var pattern2 = new RegExp("^([-a-z0-9]+/)?[-a-z0-9.*]+$", "u");
function validate29(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (Object.keys(data).length < 1) {
        validate29.errors = [{ instancePath, schemaPath: "#/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "principals" || key0 === "notPrincipals" || key0 === "namespaces" || key0 === "notNamespaces" || key0 === "serviceAccounts" || key0 === "notServiceAccounts" || key0 === "ipBlocks" || key0 === "notIpBlocks")) {
            validate29.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.principals !== void 0) {
            let data0 = data.principals;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (Array.isArray(data0)) {
                if (data0.length > 64) {
                  validate29.errors = [{ instancePath: instancePath + "/principals", schemaPath: "#/properties/principals/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                  return false;
                } else {
                  if (data0.length < 1) {
                    validate29.errors = [{ instancePath: instancePath + "/principals", schemaPath: "#/properties/principals/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                    return false;
                  } else {
                    var valid1 = true;
                    const len0 = data0.length;
                    for (let i0 = 0; i0 < len0; i0++) {
                      let data1 = data0[i0];
                      const _errs4 = errors;
                      if (errors === _errs4) {
                        if (typeof data1 === "string") {
                          if (func2(data1) > 253) {
                            validate29.errors = [{ instancePath: instancePath + "/principals/" + i0, schemaPath: "#/properties/principals/items/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                            return false;
                          } else {
                            if (func2(data1) < 1) {
                              validate29.errors = [{ instancePath: instancePath + "/principals/" + i0, schemaPath: "#/properties/principals/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                              return false;
                            } else {
                              if (!pattern0.test(data1)) {
                                validate29.errors = [{ instancePath: instancePath + "/principals/" + i0, schemaPath: "#/properties/principals/items/pattern", keyword: "pattern", params: { pattern: "^[!-~]+$" }, message: 'must match pattern "^[!-~]+$"' }];
                                return false;
                              }
                            }
                          }
                        } else {
                          validate29.errors = [{ instancePath: instancePath + "/principals/" + i0, schemaPath: "#/properties/principals/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                          return false;
                        }
                      }
                      var valid1 = _errs4 === errors;
                      if (!valid1) {
                        break;
                      }
                    }
                    if (valid1) {
                      let i1 = data0.length;
                      let j0;
                      if (i1 > 1) {
                        const indices0 = {};
                        for (; i1--; ) {
                          let item0 = data0[i1];
                          if (typeof item0 !== "string") {
                            continue;
                          }
                          if (typeof indices0[item0] == "number") {
                            j0 = indices0[item0];
                            validate29.errors = [{ instancePath: instancePath + "/principals", schemaPath: "#/properties/principals/uniqueItems", keyword: "uniqueItems", params: { i: i1, j: j0 }, message: "must NOT have duplicate items (items ## " + j0 + " and " + i1 + " are identical)" }];
                            return false;
                            break;
                          }
                          indices0[item0] = i1;
                        }
                      }
                    }
                  }
                }
              } else {
                validate29.errors = [{ instancePath: instancePath + "/principals", schemaPath: "#/properties/principals/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.notPrincipals !== void 0) {
              let data2 = data.notPrincipals;
              const _errs6 = errors;
              if (errors === _errs6) {
                if (Array.isArray(data2)) {
                  if (data2.length > 64) {
                    validate29.errors = [{ instancePath: instancePath + "/notPrincipals", schemaPath: "#/properties/notPrincipals/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                    return false;
                  } else {
                    if (data2.length < 1) {
                      validate29.errors = [{ instancePath: instancePath + "/notPrincipals", schemaPath: "#/properties/notPrincipals/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                      return false;
                    } else {
                      var valid3 = true;
                      const len1 = data2.length;
                      for (let i2 = 0; i2 < len1; i2++) {
                        let data3 = data2[i2];
                        const _errs8 = errors;
                        if (errors === _errs8) {
                          if (typeof data3 === "string") {
                            if (func2(data3) > 253) {
                              validate29.errors = [{ instancePath: instancePath + "/notPrincipals/" + i2, schemaPath: "#/properties/notPrincipals/items/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                              return false;
                            } else {
                              if (func2(data3) < 1) {
                                validate29.errors = [{ instancePath: instancePath + "/notPrincipals/" + i2, schemaPath: "#/properties/notPrincipals/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                return false;
                              } else {
                                if (!pattern0.test(data3)) {
                                  validate29.errors = [{ instancePath: instancePath + "/notPrincipals/" + i2, schemaPath: "#/properties/notPrincipals/items/pattern", keyword: "pattern", params: { pattern: "^[!-~]+$" }, message: 'must match pattern "^[!-~]+$"' }];
                                  return false;
                                }
                              }
                            }
                          } else {
                            validate29.errors = [{ instancePath: instancePath + "/notPrincipals/" + i2, schemaPath: "#/properties/notPrincipals/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                            return false;
                          }
                        }
                        var valid3 = _errs8 === errors;
                        if (!valid3) {
                          break;
                        }
                      }
                      if (valid3) {
                        let i3 = data2.length;
                        let j1;
                        if (i3 > 1) {
                          const indices1 = {};
                          for (; i3--; ) {
                            let item1 = data2[i3];
                            if (typeof item1 !== "string") {
                              continue;
                            }
                            if (typeof indices1[item1] == "number") {
                              j1 = indices1[item1];
                              validate29.errors = [{ instancePath: instancePath + "/notPrincipals", schemaPath: "#/properties/notPrincipals/uniqueItems", keyword: "uniqueItems", params: { i: i3, j: j1 }, message: "must NOT have duplicate items (items ## " + j1 + " and " + i3 + " are identical)" }];
                              return false;
                              break;
                            }
                            indices1[item1] = i3;
                          }
                        }
                      }
                    }
                  }
                } else {
                  validate29.errors = [{ instancePath: instancePath + "/notPrincipals", schemaPath: "#/properties/notPrincipals/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                  return false;
                }
              }
              var valid0 = _errs6 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.namespaces !== void 0) {
                let data4 = data.namespaces;
                const _errs10 = errors;
                if (errors === _errs10) {
                  if (Array.isArray(data4)) {
                    if (data4.length > 64) {
                      validate29.errors = [{ instancePath: instancePath + "/namespaces", schemaPath: "#/properties/namespaces/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                      return false;
                    } else {
                      if (data4.length < 1) {
                        validate29.errors = [{ instancePath: instancePath + "/namespaces", schemaPath: "#/properties/namespaces/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                        return false;
                      } else {
                        var valid5 = true;
                        const len2 = data4.length;
                        for (let i4 = 0; i4 < len2; i4++) {
                          let data5 = data4[i4];
                          const _errs12 = errors;
                          if (errors === _errs12) {
                            if (typeof data5 === "string") {
                              if (func2(data5) > 63) {
                                validate29.errors = [{ instancePath: instancePath + "/namespaces/" + i4, schemaPath: "#/properties/namespaces/items/maxLength", keyword: "maxLength", params: { limit: 63 }, message: "must NOT have more than 63 characters" }];
                                return false;
                              } else {
                                if (func2(data5) < 1) {
                                  validate29.errors = [{ instancePath: instancePath + "/namespaces/" + i4, schemaPath: "#/properties/namespaces/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                  return false;
                                }
                              }
                            } else {
                              validate29.errors = [{ instancePath: instancePath + "/namespaces/" + i4, schemaPath: "#/properties/namespaces/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                              return false;
                            }
                          }
                          var valid5 = _errs12 === errors;
                          if (!valid5) {
                            break;
                          }
                        }
                        if (valid5) {
                          let i5 = data4.length;
                          let j2;
                          if (i5 > 1) {
                            const indices2 = {};
                            for (; i5--; ) {
                              let item2 = data4[i5];
                              if (typeof item2 !== "string") {
                                continue;
                              }
                              if (typeof indices2[item2] == "number") {
                                j2 = indices2[item2];
                                validate29.errors = [{ instancePath: instancePath + "/namespaces", schemaPath: "#/properties/namespaces/uniqueItems", keyword: "uniqueItems", params: { i: i5, j: j2 }, message: "must NOT have duplicate items (items ## " + j2 + " and " + i5 + " are identical)" }];
                                return false;
                                break;
                              }
                              indices2[item2] = i5;
                            }
                          }
                        }
                      }
                    }
                  } else {
                    validate29.errors = [{ instancePath: instancePath + "/namespaces", schemaPath: "#/properties/namespaces/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                    return false;
                  }
                }
                var valid0 = _errs10 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.notNamespaces !== void 0) {
                  let data6 = data.notNamespaces;
                  const _errs14 = errors;
                  if (errors === _errs14) {
                    if (Array.isArray(data6)) {
                      if (data6.length > 64) {
                        validate29.errors = [{ instancePath: instancePath + "/notNamespaces", schemaPath: "#/properties/notNamespaces/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                        return false;
                      } else {
                        if (data6.length < 1) {
                          validate29.errors = [{ instancePath: instancePath + "/notNamespaces", schemaPath: "#/properties/notNamespaces/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                          return false;
                        } else {
                          var valid7 = true;
                          const len3 = data6.length;
                          for (let i6 = 0; i6 < len3; i6++) {
                            let data7 = data6[i6];
                            const _errs16 = errors;
                            if (errors === _errs16) {
                              if (typeof data7 === "string") {
                                if (func2(data7) > 63) {
                                  validate29.errors = [{ instancePath: instancePath + "/notNamespaces/" + i6, schemaPath: "#/properties/notNamespaces/items/maxLength", keyword: "maxLength", params: { limit: 63 }, message: "must NOT have more than 63 characters" }];
                                  return false;
                                } else {
                                  if (func2(data7) < 1) {
                                    validate29.errors = [{ instancePath: instancePath + "/notNamespaces/" + i6, schemaPath: "#/properties/notNamespaces/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                    return false;
                                  }
                                }
                              } else {
                                validate29.errors = [{ instancePath: instancePath + "/notNamespaces/" + i6, schemaPath: "#/properties/notNamespaces/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                return false;
                              }
                            }
                            var valid7 = _errs16 === errors;
                            if (!valid7) {
                              break;
                            }
                          }
                          if (valid7) {
                            let i7 = data6.length;
                            let j3;
                            if (i7 > 1) {
                              const indices3 = {};
                              for (; i7--; ) {
                                let item3 = data6[i7];
                                if (typeof item3 !== "string") {
                                  continue;
                                }
                                if (typeof indices3[item3] == "number") {
                                  j3 = indices3[item3];
                                  validate29.errors = [{ instancePath: instancePath + "/notNamespaces", schemaPath: "#/properties/notNamespaces/uniqueItems", keyword: "uniqueItems", params: { i: i7, j: j3 }, message: "must NOT have duplicate items (items ## " + j3 + " and " + i7 + " are identical)" }];
                                  return false;
                                  break;
                                }
                                indices3[item3] = i7;
                              }
                            }
                          }
                        }
                      }
                    } else {
                      validate29.errors = [{ instancePath: instancePath + "/notNamespaces", schemaPath: "#/properties/notNamespaces/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                      return false;
                    }
                  }
                  var valid0 = _errs14 === errors;
                } else {
                  var valid0 = true;
                }
                if (valid0) {
                  if (data.serviceAccounts !== void 0) {
                    let data8 = data.serviceAccounts;
                    const _errs18 = errors;
                    if (errors === _errs18) {
                      if (Array.isArray(data8)) {
                        if (data8.length > 64) {
                          validate29.errors = [{ instancePath: instancePath + "/serviceAccounts", schemaPath: "#/properties/serviceAccounts/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                          return false;
                        } else {
                          if (data8.length < 1) {
                            validate29.errors = [{ instancePath: instancePath + "/serviceAccounts", schemaPath: "#/properties/serviceAccounts/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                            return false;
                          } else {
                            var valid9 = true;
                            const len4 = data8.length;
                            for (let i8 = 0; i8 < len4; i8++) {
                              let data9 = data8[i8];
                              const _errs20 = errors;
                              if (errors === _errs20) {
                                if (typeof data9 === "string") {
                                  if (func2(data9) > 317) {
                                    validate29.errors = [{ instancePath: instancePath + "/serviceAccounts/" + i8, schemaPath: "#/properties/serviceAccounts/items/maxLength", keyword: "maxLength", params: { limit: 317 }, message: "must NOT have more than 317 characters" }];
                                    return false;
                                  } else {
                                    if (func2(data9) < 1) {
                                      validate29.errors = [{ instancePath: instancePath + "/serviceAccounts/" + i8, schemaPath: "#/properties/serviceAccounts/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                      return false;
                                    } else {
                                      if (!pattern2.test(data9)) {
                                        validate29.errors = [{ instancePath: instancePath + "/serviceAccounts/" + i8, schemaPath: "#/properties/serviceAccounts/items/pattern", keyword: "pattern", params: { pattern: "^([-a-z0-9]+/)?[-a-z0-9.*]+$" }, message: 'must match pattern "^([-a-z0-9]+/)?[-a-z0-9.*]+$"' }];
                                        return false;
                                      }
                                    }
                                  }
                                } else {
                                  validate29.errors = [{ instancePath: instancePath + "/serviceAccounts/" + i8, schemaPath: "#/properties/serviceAccounts/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                  return false;
                                }
                              }
                              var valid9 = _errs20 === errors;
                              if (!valid9) {
                                break;
                              }
                            }
                            if (valid9) {
                              let i9 = data8.length;
                              let j4;
                              if (i9 > 1) {
                                const indices4 = {};
                                for (; i9--; ) {
                                  let item4 = data8[i9];
                                  if (typeof item4 !== "string") {
                                    continue;
                                  }
                                  if (typeof indices4[item4] == "number") {
                                    j4 = indices4[item4];
                                    validate29.errors = [{ instancePath: instancePath + "/serviceAccounts", schemaPath: "#/properties/serviceAccounts/uniqueItems", keyword: "uniqueItems", params: { i: i9, j: j4 }, message: "must NOT have duplicate items (items ## " + j4 + " and " + i9 + " are identical)" }];
                                    return false;
                                    break;
                                  }
                                  indices4[item4] = i9;
                                }
                              }
                            }
                          }
                        }
                      } else {
                        validate29.errors = [{ instancePath: instancePath + "/serviceAccounts", schemaPath: "#/properties/serviceAccounts/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                        return false;
                      }
                    }
                    var valid0 = _errs18 === errors;
                  } else {
                    var valid0 = true;
                  }
                  if (valid0) {
                    if (data.notServiceAccounts !== void 0) {
                      let data10 = data.notServiceAccounts;
                      const _errs22 = errors;
                      if (errors === _errs22) {
                        if (Array.isArray(data10)) {
                          if (data10.length > 64) {
                            validate29.errors = [{ instancePath: instancePath + "/notServiceAccounts", schemaPath: "#/properties/notServiceAccounts/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                            return false;
                          } else {
                            if (data10.length < 1) {
                              validate29.errors = [{ instancePath: instancePath + "/notServiceAccounts", schemaPath: "#/properties/notServiceAccounts/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                              return false;
                            } else {
                              var valid11 = true;
                              const len5 = data10.length;
                              for (let i10 = 0; i10 < len5; i10++) {
                                let data11 = data10[i10];
                                const _errs24 = errors;
                                if (errors === _errs24) {
                                  if (typeof data11 === "string") {
                                    if (func2(data11) > 317) {
                                      validate29.errors = [{ instancePath: instancePath + "/notServiceAccounts/" + i10, schemaPath: "#/properties/notServiceAccounts/items/maxLength", keyword: "maxLength", params: { limit: 317 }, message: "must NOT have more than 317 characters" }];
                                      return false;
                                    } else {
                                      if (func2(data11) < 1) {
                                        validate29.errors = [{ instancePath: instancePath + "/notServiceAccounts/" + i10, schemaPath: "#/properties/notServiceAccounts/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                        return false;
                                      } else {
                                        if (!pattern2.test(data11)) {
                                          validate29.errors = [{ instancePath: instancePath + "/notServiceAccounts/" + i10, schemaPath: "#/properties/notServiceAccounts/items/pattern", keyword: "pattern", params: { pattern: "^([-a-z0-9]+/)?[-a-z0-9.*]+$" }, message: 'must match pattern "^([-a-z0-9]+/)?[-a-z0-9.*]+$"' }];
                                          return false;
                                        }
                                      }
                                    }
                                  } else {
                                    validate29.errors = [{ instancePath: instancePath + "/notServiceAccounts/" + i10, schemaPath: "#/properties/notServiceAccounts/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                    return false;
                                  }
                                }
                                var valid11 = _errs24 === errors;
                                if (!valid11) {
                                  break;
                                }
                              }
                              if (valid11) {
                                let i11 = data10.length;
                                let j5;
                                if (i11 > 1) {
                                  const indices5 = {};
                                  for (; i11--; ) {
                                    let item5 = data10[i11];
                                    if (typeof item5 !== "string") {
                                      continue;
                                    }
                                    if (typeof indices5[item5] == "number") {
                                      j5 = indices5[item5];
                                      validate29.errors = [{ instancePath: instancePath + "/notServiceAccounts", schemaPath: "#/properties/notServiceAccounts/uniqueItems", keyword: "uniqueItems", params: { i: i11, j: j5 }, message: "must NOT have duplicate items (items ## " + j5 + " and " + i11 + " are identical)" }];
                                      return false;
                                      break;
                                    }
                                    indices5[item5] = i11;
                                  }
                                }
                              }
                            }
                          }
                        } else {
                          validate29.errors = [{ instancePath: instancePath + "/notServiceAccounts", schemaPath: "#/properties/notServiceAccounts/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                          return false;
                        }
                      }
                      var valid0 = _errs22 === errors;
                    } else {
                      var valid0 = true;
                    }
                    if (valid0) {
                      if (data.ipBlocks !== void 0) {
                        let data12 = data.ipBlocks;
                        const _errs26 = errors;
                        if (errors === _errs26) {
                          if (Array.isArray(data12)) {
                            if (data12.length > 64) {
                              validate29.errors = [{ instancePath: instancePath + "/ipBlocks", schemaPath: "#/properties/ipBlocks/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                              return false;
                            } else {
                              if (data12.length < 1) {
                                validate29.errors = [{ instancePath: instancePath + "/ipBlocks", schemaPath: "#/properties/ipBlocks/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                                return false;
                              } else {
                                var valid13 = true;
                                const len6 = data12.length;
                                for (let i12 = 0; i12 < len6; i12++) {
                                  let data13 = data12[i12];
                                  const _errs28 = errors;
                                  if (errors === _errs28) {
                                    if (typeof data13 === "string") {
                                      if (func2(data13) > 49) {
                                        validate29.errors = [{ instancePath: instancePath + "/ipBlocks/" + i12, schemaPath: "#/properties/ipBlocks/items/maxLength", keyword: "maxLength", params: { limit: 49 }, message: "must NOT have more than 49 characters" }];
                                        return false;
                                      } else {
                                        if (func2(data13) < 1) {
                                          validate29.errors = [{ instancePath: instancePath + "/ipBlocks/" + i12, schemaPath: "#/properties/ipBlocks/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                          return false;
                                        }
                                      }
                                    } else {
                                      validate29.errors = [{ instancePath: instancePath + "/ipBlocks/" + i12, schemaPath: "#/properties/ipBlocks/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                      return false;
                                    }
                                  }
                                  var valid13 = _errs28 === errors;
                                  if (!valid13) {
                                    break;
                                  }
                                }
                                if (valid13) {
                                  let i13 = data12.length;
                                  let j6;
                                  if (i13 > 1) {
                                    const indices6 = {};
                                    for (; i13--; ) {
                                      let item6 = data12[i13];
                                      if (typeof item6 !== "string") {
                                        continue;
                                      }
                                      if (typeof indices6[item6] == "number") {
                                        j6 = indices6[item6];
                                        validate29.errors = [{ instancePath: instancePath + "/ipBlocks", schemaPath: "#/properties/ipBlocks/uniqueItems", keyword: "uniqueItems", params: { i: i13, j: j6 }, message: "must NOT have duplicate items (items ## " + j6 + " and " + i13 + " are identical)" }];
                                        return false;
                                        break;
                                      }
                                      indices6[item6] = i13;
                                    }
                                  }
                                }
                              }
                            }
                          } else {
                            validate29.errors = [{ instancePath: instancePath + "/ipBlocks", schemaPath: "#/properties/ipBlocks/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                            return false;
                          }
                        }
                        var valid0 = _errs26 === errors;
                      } else {
                        var valid0 = true;
                      }
                      if (valid0) {
                        if (data.notIpBlocks !== void 0) {
                          let data14 = data.notIpBlocks;
                          const _errs30 = errors;
                          if (errors === _errs30) {
                            if (Array.isArray(data14)) {
                              if (data14.length > 64) {
                                validate29.errors = [{ instancePath: instancePath + "/notIpBlocks", schemaPath: "#/properties/notIpBlocks/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                                return false;
                              } else {
                                if (data14.length < 1) {
                                  validate29.errors = [{ instancePath: instancePath + "/notIpBlocks", schemaPath: "#/properties/notIpBlocks/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                                  return false;
                                } else {
                                  var valid15 = true;
                                  const len7 = data14.length;
                                  for (let i14 = 0; i14 < len7; i14++) {
                                    let data15 = data14[i14];
                                    const _errs32 = errors;
                                    if (errors === _errs32) {
                                      if (typeof data15 === "string") {
                                        if (func2(data15) > 49) {
                                          validate29.errors = [{ instancePath: instancePath + "/notIpBlocks/" + i14, schemaPath: "#/properties/notIpBlocks/items/maxLength", keyword: "maxLength", params: { limit: 49 }, message: "must NOT have more than 49 characters" }];
                                          return false;
                                        } else {
                                          if (func2(data15) < 1) {
                                            validate29.errors = [{ instancePath: instancePath + "/notIpBlocks/" + i14, schemaPath: "#/properties/notIpBlocks/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                            return false;
                                          }
                                        }
                                      } else {
                                        validate29.errors = [{ instancePath: instancePath + "/notIpBlocks/" + i14, schemaPath: "#/properties/notIpBlocks/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                        return false;
                                      }
                                    }
                                    var valid15 = _errs32 === errors;
                                    if (!valid15) {
                                      break;
                                    }
                                  }
                                  if (valid15) {
                                    let i15 = data14.length;
                                    let j7;
                                    if (i15 > 1) {
                                      const indices7 = {};
                                      for (; i15--; ) {
                                        let item7 = data14[i15];
                                        if (typeof item7 !== "string") {
                                          continue;
                                        }
                                        if (typeof indices7[item7] == "number") {
                                          j7 = indices7[item7];
                                          validate29.errors = [{ instancePath: instancePath + "/notIpBlocks", schemaPath: "#/properties/notIpBlocks/uniqueItems", keyword: "uniqueItems", params: { i: i15, j: j7 }, message: "must NOT have duplicate items (items ## " + j7 + " and " + i15 + " are identical)" }];
                                          return false;
                                          break;
                                        }
                                        indices7[item7] = i15;
                                      }
                                    }
                                  }
                                }
                              }
                            } else {
                              validate29.errors = [{ instancePath: instancePath + "/notIpBlocks", schemaPath: "#/properties/notIpBlocks/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                              return false;
                            }
                          }
                          var valid0 = _errs30 === errors;
                        } else {
                          var valid0 = true;
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    } else {
      validate29.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate29.errors = vErrors;
  return errors === 0;
}
function validate28(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.source === void 0 && (missing0 = "source")) {
        validate28.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "source")) {
            validate28.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.source !== void 0) {
            if (!validate29(data.source, { instancePath: instancePath + "/source", parentData: data, parentDataProperty: "source", rootData })) {
              vErrors = vErrors === null ? validate29.errors : vErrors.concat(validate29.errors);
              errors = vErrors.length;
            }
          }
        }
      }
    } else {
      validate28.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate28.errors = vErrors;
  return errors === 0;
}
var pattern4 = new RegExp("^[!-.0-~]+$", "u");
var pattern6 = new RegExp(`^(([!"$&->@-[\\]-z|~]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+|(/(\\{\\*\\}|([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+))*(/\\{\\*\\*\\})?(/([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+)*/?)$`, "u");
function validate33(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (Object.keys(data).length < 1) {
        validate33.errors = [{ instancePath, schemaPath: "#/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "hosts" || key0 === "notHosts" || key0 === "ports" || key0 === "notPorts" || key0 === "methods" || key0 === "notMethods" || key0 === "paths" || key0 === "notPaths")) {
            validate33.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.hosts !== void 0) {
            let data0 = data.hosts;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (Array.isArray(data0)) {
                if (data0.length > 64) {
                  validate33.errors = [{ instancePath: instancePath + "/hosts", schemaPath: "#/properties/hosts/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                  return false;
                } else {
                  if (data0.length < 1) {
                    validate33.errors = [{ instancePath: instancePath + "/hosts", schemaPath: "#/properties/hosts/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                    return false;
                  } else {
                    var valid1 = true;
                    const len0 = data0.length;
                    for (let i0 = 0; i0 < len0; i0++) {
                      let data1 = data0[i0];
                      const _errs4 = errors;
                      if (errors === _errs4) {
                        if (typeof data1 === "string") {
                          if (func2(data1) > 253) {
                            validate33.errors = [{ instancePath: instancePath + "/hosts/" + i0, schemaPath: "#/properties/hosts/items/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                            return false;
                          } else {
                            if (func2(data1) < 1) {
                              validate33.errors = [{ instancePath: instancePath + "/hosts/" + i0, schemaPath: "#/properties/hosts/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                              return false;
                            } else {
                              if (!pattern4.test(data1)) {
                                validate33.errors = [{ instancePath: instancePath + "/hosts/" + i0, schemaPath: "#/properties/hosts/items/pattern", keyword: "pattern", params: { pattern: "^[!-.0-~]+$" }, message: 'must match pattern "^[!-.0-~]+$"' }];
                                return false;
                              }
                            }
                          }
                        } else {
                          validate33.errors = [{ instancePath: instancePath + "/hosts/" + i0, schemaPath: "#/properties/hosts/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                          return false;
                        }
                      }
                      var valid1 = _errs4 === errors;
                      if (!valid1) {
                        break;
                      }
                    }
                    if (valid1) {
                      let i1 = data0.length;
                      let j0;
                      if (i1 > 1) {
                        const indices0 = {};
                        for (; i1--; ) {
                          let item0 = data0[i1];
                          if (typeof item0 !== "string") {
                            continue;
                          }
                          if (typeof indices0[item0] == "number") {
                            j0 = indices0[item0];
                            validate33.errors = [{ instancePath: instancePath + "/hosts", schemaPath: "#/properties/hosts/uniqueItems", keyword: "uniqueItems", params: { i: i1, j: j0 }, message: "must NOT have duplicate items (items ## " + j0 + " and " + i1 + " are identical)" }];
                            return false;
                            break;
                          }
                          indices0[item0] = i1;
                        }
                      }
                    }
                  }
                }
              } else {
                validate33.errors = [{ instancePath: instancePath + "/hosts", schemaPath: "#/properties/hosts/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.notHosts !== void 0) {
              let data2 = data.notHosts;
              const _errs6 = errors;
              if (errors === _errs6) {
                if (Array.isArray(data2)) {
                  if (data2.length > 64) {
                    validate33.errors = [{ instancePath: instancePath + "/notHosts", schemaPath: "#/properties/notHosts/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                    return false;
                  } else {
                    if (data2.length < 1) {
                      validate33.errors = [{ instancePath: instancePath + "/notHosts", schemaPath: "#/properties/notHosts/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                      return false;
                    } else {
                      var valid3 = true;
                      const len1 = data2.length;
                      for (let i2 = 0; i2 < len1; i2++) {
                        let data3 = data2[i2];
                        const _errs8 = errors;
                        if (errors === _errs8) {
                          if (typeof data3 === "string") {
                            if (func2(data3) > 253) {
                              validate33.errors = [{ instancePath: instancePath + "/notHosts/" + i2, schemaPath: "#/properties/notHosts/items/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                              return false;
                            } else {
                              if (func2(data3) < 1) {
                                validate33.errors = [{ instancePath: instancePath + "/notHosts/" + i2, schemaPath: "#/properties/notHosts/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                return false;
                              } else {
                                if (!pattern4.test(data3)) {
                                  validate33.errors = [{ instancePath: instancePath + "/notHosts/" + i2, schemaPath: "#/properties/notHosts/items/pattern", keyword: "pattern", params: { pattern: "^[!-.0-~]+$" }, message: 'must match pattern "^[!-.0-~]+$"' }];
                                  return false;
                                }
                              }
                            }
                          } else {
                            validate33.errors = [{ instancePath: instancePath + "/notHosts/" + i2, schemaPath: "#/properties/notHosts/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                            return false;
                          }
                        }
                        var valid3 = _errs8 === errors;
                        if (!valid3) {
                          break;
                        }
                      }
                      if (valid3) {
                        let i3 = data2.length;
                        let j1;
                        if (i3 > 1) {
                          const indices1 = {};
                          for (; i3--; ) {
                            let item1 = data2[i3];
                            if (typeof item1 !== "string") {
                              continue;
                            }
                            if (typeof indices1[item1] == "number") {
                              j1 = indices1[item1];
                              validate33.errors = [{ instancePath: instancePath + "/notHosts", schemaPath: "#/properties/notHosts/uniqueItems", keyword: "uniqueItems", params: { i: i3, j: j1 }, message: "must NOT have duplicate items (items ## " + j1 + " and " + i3 + " are identical)" }];
                              return false;
                              break;
                            }
                            indices1[item1] = i3;
                          }
                        }
                      }
                    }
                  }
                } else {
                  validate33.errors = [{ instancePath: instancePath + "/notHosts", schemaPath: "#/properties/notHosts/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                  return false;
                }
              }
              var valid0 = _errs6 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.ports !== void 0) {
                let data4 = data.ports;
                const _errs10 = errors;
                if (errors === _errs10) {
                  if (Array.isArray(data4)) {
                    if (data4.length > 64) {
                      validate33.errors = [{ instancePath: instancePath + "/ports", schemaPath: "#/properties/ports/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                      return false;
                    } else {
                      if (data4.length < 1) {
                        validate33.errors = [{ instancePath: instancePath + "/ports", schemaPath: "#/properties/ports/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                        return false;
                      } else {
                        var valid5 = true;
                        const len2 = data4.length;
                        for (let i4 = 0; i4 < len2; i4++) {
                          let data5 = data4[i4];
                          const _errs12 = errors;
                          if (errors === _errs12) {
                            if (typeof data5 === "string") {
                              if (func2(data5) > 5) {
                                validate33.errors = [{ instancePath: instancePath + "/ports/" + i4, schemaPath: "#/properties/ports/items/maxLength", keyword: "maxLength", params: { limit: 5 }, message: "must NOT have more than 5 characters" }];
                                return false;
                              } else {
                                if (func2(data5) < 1) {
                                  validate33.errors = [{ instancePath: instancePath + "/ports/" + i4, schemaPath: "#/properties/ports/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                  return false;
                                }
                              }
                            } else {
                              validate33.errors = [{ instancePath: instancePath + "/ports/" + i4, schemaPath: "#/properties/ports/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                              return false;
                            }
                          }
                          var valid5 = _errs12 === errors;
                          if (!valid5) {
                            break;
                          }
                        }
                        if (valid5) {
                          let i5 = data4.length;
                          let j2;
                          if (i5 > 1) {
                            const indices2 = {};
                            for (; i5--; ) {
                              let item2 = data4[i5];
                              if (typeof item2 !== "string") {
                                continue;
                              }
                              if (typeof indices2[item2] == "number") {
                                j2 = indices2[item2];
                                validate33.errors = [{ instancePath: instancePath + "/ports", schemaPath: "#/properties/ports/uniqueItems", keyword: "uniqueItems", params: { i: i5, j: j2 }, message: "must NOT have duplicate items (items ## " + j2 + " and " + i5 + " are identical)" }];
                                return false;
                                break;
                              }
                              indices2[item2] = i5;
                            }
                          }
                        }
                      }
                    }
                  } else {
                    validate33.errors = [{ instancePath: instancePath + "/ports", schemaPath: "#/properties/ports/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                    return false;
                  }
                }
                var valid0 = _errs10 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.notPorts !== void 0) {
                  let data6 = data.notPorts;
                  const _errs14 = errors;
                  if (errors === _errs14) {
                    if (Array.isArray(data6)) {
                      if (data6.length > 64) {
                        validate33.errors = [{ instancePath: instancePath + "/notPorts", schemaPath: "#/properties/notPorts/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                        return false;
                      } else {
                        if (data6.length < 1) {
                          validate33.errors = [{ instancePath: instancePath + "/notPorts", schemaPath: "#/properties/notPorts/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                          return false;
                        } else {
                          var valid7 = true;
                          const len3 = data6.length;
                          for (let i6 = 0; i6 < len3; i6++) {
                            let data7 = data6[i6];
                            const _errs16 = errors;
                            if (errors === _errs16) {
                              if (typeof data7 === "string") {
                                if (func2(data7) > 5) {
                                  validate33.errors = [{ instancePath: instancePath + "/notPorts/" + i6, schemaPath: "#/properties/notPorts/items/maxLength", keyword: "maxLength", params: { limit: 5 }, message: "must NOT have more than 5 characters" }];
                                  return false;
                                } else {
                                  if (func2(data7) < 1) {
                                    validate33.errors = [{ instancePath: instancePath + "/notPorts/" + i6, schemaPath: "#/properties/notPorts/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                    return false;
                                  }
                                }
                              } else {
                                validate33.errors = [{ instancePath: instancePath + "/notPorts/" + i6, schemaPath: "#/properties/notPorts/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                return false;
                              }
                            }
                            var valid7 = _errs16 === errors;
                            if (!valid7) {
                              break;
                            }
                          }
                          if (valid7) {
                            let i7 = data6.length;
                            let j3;
                            if (i7 > 1) {
                              const indices3 = {};
                              for (; i7--; ) {
                                let item3 = data6[i7];
                                if (typeof item3 !== "string") {
                                  continue;
                                }
                                if (typeof indices3[item3] == "number") {
                                  j3 = indices3[item3];
                                  validate33.errors = [{ instancePath: instancePath + "/notPorts", schemaPath: "#/properties/notPorts/uniqueItems", keyword: "uniqueItems", params: { i: i7, j: j3 }, message: "must NOT have duplicate items (items ## " + j3 + " and " + i7 + " are identical)" }];
                                  return false;
                                  break;
                                }
                                indices3[item3] = i7;
                              }
                            }
                          }
                        }
                      }
                    } else {
                      validate33.errors = [{ instancePath: instancePath + "/notPorts", schemaPath: "#/properties/notPorts/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                      return false;
                    }
                  }
                  var valid0 = _errs14 === errors;
                } else {
                  var valid0 = true;
                }
                if (valid0) {
                  if (data.methods !== void 0) {
                    let data8 = data.methods;
                    const _errs18 = errors;
                    if (errors === _errs18) {
                      if (Array.isArray(data8)) {
                        if (data8.length > 64) {
                          validate33.errors = [{ instancePath: instancePath + "/methods", schemaPath: "#/properties/methods/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                          return false;
                        } else {
                          if (data8.length < 1) {
                            validate33.errors = [{ instancePath: instancePath + "/methods", schemaPath: "#/properties/methods/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                            return false;
                          } else {
                            var valid9 = true;
                            const len4 = data8.length;
                            for (let i8 = 0; i8 < len4; i8++) {
                              let data9 = data8[i8];
                              const _errs20 = errors;
                              if (errors === _errs20) {
                                if (typeof data9 === "string") {
                                  if (func2(data9) > 32) {
                                    validate33.errors = [{ instancePath: instancePath + "/methods/" + i8, schemaPath: "#/properties/methods/items/maxLength", keyword: "maxLength", params: { limit: 32 }, message: "must NOT have more than 32 characters" }];
                                    return false;
                                  } else {
                                    if (func2(data9) < 1) {
                                      validate33.errors = [{ instancePath: instancePath + "/methods/" + i8, schemaPath: "#/properties/methods/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                      return false;
                                    }
                                  }
                                } else {
                                  validate33.errors = [{ instancePath: instancePath + "/methods/" + i8, schemaPath: "#/properties/methods/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                  return false;
                                }
                              }
                              var valid9 = _errs20 === errors;
                              if (!valid9) {
                                break;
                              }
                            }
                            if (valid9) {
                              let i9 = data8.length;
                              let j4;
                              if (i9 > 1) {
                                const indices4 = {};
                                for (; i9--; ) {
                                  let item4 = data8[i9];
                                  if (typeof item4 !== "string") {
                                    continue;
                                  }
                                  if (typeof indices4[item4] == "number") {
                                    j4 = indices4[item4];
                                    validate33.errors = [{ instancePath: instancePath + "/methods", schemaPath: "#/properties/methods/uniqueItems", keyword: "uniqueItems", params: { i: i9, j: j4 }, message: "must NOT have duplicate items (items ## " + j4 + " and " + i9 + " are identical)" }];
                                    return false;
                                    break;
                                  }
                                  indices4[item4] = i9;
                                }
                              }
                            }
                          }
                        }
                      } else {
                        validate33.errors = [{ instancePath: instancePath + "/methods", schemaPath: "#/properties/methods/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                        return false;
                      }
                    }
                    var valid0 = _errs18 === errors;
                  } else {
                    var valid0 = true;
                  }
                  if (valid0) {
                    if (data.notMethods !== void 0) {
                      let data10 = data.notMethods;
                      const _errs22 = errors;
                      if (errors === _errs22) {
                        if (Array.isArray(data10)) {
                          if (data10.length > 64) {
                            validate33.errors = [{ instancePath: instancePath + "/notMethods", schemaPath: "#/properties/notMethods/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                            return false;
                          } else {
                            if (data10.length < 1) {
                              validate33.errors = [{ instancePath: instancePath + "/notMethods", schemaPath: "#/properties/notMethods/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                              return false;
                            } else {
                              var valid11 = true;
                              const len5 = data10.length;
                              for (let i10 = 0; i10 < len5; i10++) {
                                let data11 = data10[i10];
                                const _errs24 = errors;
                                if (errors === _errs24) {
                                  if (typeof data11 === "string") {
                                    if (func2(data11) > 32) {
                                      validate33.errors = [{ instancePath: instancePath + "/notMethods/" + i10, schemaPath: "#/properties/notMethods/items/maxLength", keyword: "maxLength", params: { limit: 32 }, message: "must NOT have more than 32 characters" }];
                                      return false;
                                    } else {
                                      if (func2(data11) < 1) {
                                        validate33.errors = [{ instancePath: instancePath + "/notMethods/" + i10, schemaPath: "#/properties/notMethods/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                        return false;
                                      }
                                    }
                                  } else {
                                    validate33.errors = [{ instancePath: instancePath + "/notMethods/" + i10, schemaPath: "#/properties/notMethods/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                    return false;
                                  }
                                }
                                var valid11 = _errs24 === errors;
                                if (!valid11) {
                                  break;
                                }
                              }
                              if (valid11) {
                                let i11 = data10.length;
                                let j5;
                                if (i11 > 1) {
                                  const indices5 = {};
                                  for (; i11--; ) {
                                    let item5 = data10[i11];
                                    if (typeof item5 !== "string") {
                                      continue;
                                    }
                                    if (typeof indices5[item5] == "number") {
                                      j5 = indices5[item5];
                                      validate33.errors = [{ instancePath: instancePath + "/notMethods", schemaPath: "#/properties/notMethods/uniqueItems", keyword: "uniqueItems", params: { i: i11, j: j5 }, message: "must NOT have duplicate items (items ## " + j5 + " and " + i11 + " are identical)" }];
                                      return false;
                                      break;
                                    }
                                    indices5[item5] = i11;
                                  }
                                }
                              }
                            }
                          }
                        } else {
                          validate33.errors = [{ instancePath: instancePath + "/notMethods", schemaPath: "#/properties/notMethods/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                          return false;
                        }
                      }
                      var valid0 = _errs22 === errors;
                    } else {
                      var valid0 = true;
                    }
                    if (valid0) {
                      if (data.paths !== void 0) {
                        let data12 = data.paths;
                        const _errs26 = errors;
                        if (errors === _errs26) {
                          if (Array.isArray(data12)) {
                            if (data12.length > 64) {
                              validate33.errors = [{ instancePath: instancePath + "/paths", schemaPath: "#/properties/paths/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                              return false;
                            } else {
                              if (data12.length < 1) {
                                validate33.errors = [{ instancePath: instancePath + "/paths", schemaPath: "#/properties/paths/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                                return false;
                              } else {
                                var valid13 = true;
                                const len6 = data12.length;
                                for (let i12 = 0; i12 < len6; i12++) {
                                  let data13 = data12[i12];
                                  const _errs28 = errors;
                                  if (errors === _errs28) {
                                    if (typeof data13 === "string") {
                                      if (func2(data13) > 253) {
                                        validate33.errors = [{ instancePath: instancePath + "/paths/" + i12, schemaPath: "#/properties/paths/items/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                                        return false;
                                      } else {
                                        if (func2(data13) < 1) {
                                          validate33.errors = [{ instancePath: instancePath + "/paths/" + i12, schemaPath: "#/properties/paths/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                          return false;
                                        } else {
                                          if (!pattern6.test(data13)) {
                                            validate33.errors = [{ instancePath: instancePath + "/paths/" + i12, schemaPath: "#/properties/paths/items/pattern", keyword: "pattern", params: { pattern: `^(([!"$&->@-[\\]-z|~]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+|(/(\\{\\*\\}|([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+))*(/\\{\\*\\*\\})?(/([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+)*/?)$` }, message: `must match pattern "^(([!"$&->@-[\\]-z|~]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+|(/(\\{\\*\\}|([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+))*(/\\{\\*\\*\\})?(/([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+)*/?)$"` }];
                                            return false;
                                          }
                                        }
                                      }
                                    } else {
                                      validate33.errors = [{ instancePath: instancePath + "/paths/" + i12, schemaPath: "#/properties/paths/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                      return false;
                                    }
                                  }
                                  var valid13 = _errs28 === errors;
                                  if (!valid13) {
                                    break;
                                  }
                                }
                                if (valid13) {
                                  let i13 = data12.length;
                                  let j6;
                                  if (i13 > 1) {
                                    const indices6 = {};
                                    for (; i13--; ) {
                                      let item6 = data12[i13];
                                      if (typeof item6 !== "string") {
                                        continue;
                                      }
                                      if (typeof indices6[item6] == "number") {
                                        j6 = indices6[item6];
                                        validate33.errors = [{ instancePath: instancePath + "/paths", schemaPath: "#/properties/paths/uniqueItems", keyword: "uniqueItems", params: { i: i13, j: j6 }, message: "must NOT have duplicate items (items ## " + j6 + " and " + i13 + " are identical)" }];
                                        return false;
                                        break;
                                      }
                                      indices6[item6] = i13;
                                    }
                                  }
                                }
                              }
                            }
                          } else {
                            validate33.errors = [{ instancePath: instancePath + "/paths", schemaPath: "#/properties/paths/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                            return false;
                          }
                        }
                        var valid0 = _errs26 === errors;
                      } else {
                        var valid0 = true;
                      }
                      if (valid0) {
                        if (data.notPaths !== void 0) {
                          let data14 = data.notPaths;
                          const _errs30 = errors;
                          if (errors === _errs30) {
                            if (Array.isArray(data14)) {
                              if (data14.length > 64) {
                                validate33.errors = [{ instancePath: instancePath + "/notPaths", schemaPath: "#/properties/notPaths/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                                return false;
                              } else {
                                if (data14.length < 1) {
                                  validate33.errors = [{ instancePath: instancePath + "/notPaths", schemaPath: "#/properties/notPaths/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                                  return false;
                                } else {
                                  var valid15 = true;
                                  const len7 = data14.length;
                                  for (let i14 = 0; i14 < len7; i14++) {
                                    let data15 = data14[i14];
                                    const _errs32 = errors;
                                    if (errors === _errs32) {
                                      if (typeof data15 === "string") {
                                        if (func2(data15) > 253) {
                                          validate33.errors = [{ instancePath: instancePath + "/notPaths/" + i14, schemaPath: "#/properties/notPaths/items/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                                          return false;
                                        } else {
                                          if (func2(data15) < 1) {
                                            validate33.errors = [{ instancePath: instancePath + "/notPaths/" + i14, schemaPath: "#/properties/notPaths/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                            return false;
                                          } else {
                                            if (!pattern6.test(data15)) {
                                              validate33.errors = [{ instancePath: instancePath + "/notPaths/" + i14, schemaPath: "#/properties/notPaths/items/pattern", keyword: "pattern", params: { pattern: `^(([!"$&->@-[\\]-z|~]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+|(/(\\{\\*\\}|([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+))*(/\\{\\*\\*\\})?(/([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+)*/?)$` }, message: `must match pattern "^(([!"$&->@-[\\]-z|~]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+|(/(\\{\\*\\}|([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+))*(/\\{\\*\\*\\})?(/([A-Za-z0-9._~!$&'()+,;:@=-]|%([013-46-9A-Fa-f][0-9A-Fa-f]|2[0-9A-Da-d]|5[0-9ABD-Fabd-f]))+)*/?)$"` }];
                                              return false;
                                            }
                                          }
                                        }
                                      } else {
                                        validate33.errors = [{ instancePath: instancePath + "/notPaths/" + i14, schemaPath: "#/properties/notPaths/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                        return false;
                                      }
                                    }
                                    var valid15 = _errs32 === errors;
                                    if (!valid15) {
                                      break;
                                    }
                                  }
                                  if (valid15) {
                                    let i15 = data14.length;
                                    let j7;
                                    if (i15 > 1) {
                                      const indices7 = {};
                                      for (; i15--; ) {
                                        let item7 = data14[i15];
                                        if (typeof item7 !== "string") {
                                          continue;
                                        }
                                        if (typeof indices7[item7] == "number") {
                                          j7 = indices7[item7];
                                          validate33.errors = [{ instancePath: instancePath + "/notPaths", schemaPath: "#/properties/notPaths/uniqueItems", keyword: "uniqueItems", params: { i: i15, j: j7 }, message: "must NOT have duplicate items (items ## " + j7 + " and " + i15 + " are identical)" }];
                                          return false;
                                          break;
                                        }
                                        indices7[item7] = i15;
                                      }
                                    }
                                  }
                                }
                              }
                            } else {
                              validate33.errors = [{ instancePath: instancePath + "/notPaths", schemaPath: "#/properties/notPaths/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                              return false;
                            }
                          }
                          var valid0 = _errs30 === errors;
                        } else {
                          var valid0 = true;
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    } else {
      validate33.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate33.errors = vErrors;
  return errors === 0;
}
function validate32(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.operation === void 0 && (missing0 = "operation")) {
        validate32.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "operation")) {
            validate32.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.operation !== void 0) {
            if (!validate33(data.operation, { instancePath: instancePath + "/operation", parentData: data, parentDataProperty: "operation", rootData })) {
              vErrors = vErrors === null ? validate33.errors : vErrors.concat(validate33.errors);
              errors = vErrors.length;
            }
          }
        }
      }
    } else {
      validate32.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate32.errors = vErrors;
  return errors === 0;
}
var pattern8 = new RegExp("^(\\*|\\*?[!-)+-~]([ -)+-~]*[!-)+-~])?|[!-)+-~]([ -)+-~]*[!-)+-~])?\\*)$", "u");
function validate36(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.key === void 0 && (missing0 = "key")) {
        validate36.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "key" || key0 === "values" || key0 === "notValues")) {
            validate36.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.key !== void 0) {
            let data0 = data.key;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 128) {
                  validate36.errors = [{ instancePath: instancePath + "/key", schemaPath: "#/properties/key/maxLength", keyword: "maxLength", params: { limit: 128 }, message: "must NOT have more than 128 characters" }];
                  return false;
                } else {
                  if (func2(data0) < 1) {
                    validate36.errors = [{ instancePath: instancePath + "/key", schemaPath: "#/properties/key/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                    return false;
                  }
                }
              } else {
                validate36.errors = [{ instancePath: instancePath + "/key", schemaPath: "#/properties/key/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.values !== void 0) {
              let data1 = data.values;
              const _errs4 = errors;
              if (errors === _errs4) {
                if (Array.isArray(data1)) {
                  if (data1.length > 16) {
                    validate36.errors = [{ instancePath: instancePath + "/values", schemaPath: "#/properties/values/maxItems", keyword: "maxItems", params: { limit: 16 }, message: "must NOT have more than 16 items" }];
                    return false;
                  } else {
                    if (data1.length < 1) {
                      validate36.errors = [{ instancePath: instancePath + "/values", schemaPath: "#/properties/values/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                      return false;
                    } else {
                      var valid1 = true;
                      const len0 = data1.length;
                      for (let i0 = 0; i0 < len0; i0++) {
                        let data2 = data1[i0];
                        const _errs6 = errors;
                        if (errors === _errs6) {
                          if (typeof data2 === "string") {
                            if (func2(data2) > 253) {
                              validate36.errors = [{ instancePath: instancePath + "/values/" + i0, schemaPath: "#/properties/values/items/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                              return false;
                            } else {
                              if (func2(data2) < 1) {
                                validate36.errors = [{ instancePath: instancePath + "/values/" + i0, schemaPath: "#/properties/values/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                return false;
                              } else {
                                if (!pattern8.test(data2)) {
                                  validate36.errors = [{ instancePath: instancePath + "/values/" + i0, schemaPath: "#/properties/values/items/pattern", keyword: "pattern", params: { pattern: "^(\\*|\\*?[!-)+-~]([ -)+-~]*[!-)+-~])?|[!-)+-~]([ -)+-~]*[!-)+-~])?\\*)$" }, message: 'must match pattern "^(\\*|\\*?[!-)+-~]([ -)+-~]*[!-)+-~])?|[!-)+-~]([ -)+-~]*[!-)+-~])?\\*)$"' }];
                                  return false;
                                }
                              }
                            }
                          } else {
                            validate36.errors = [{ instancePath: instancePath + "/values/" + i0, schemaPath: "#/properties/values/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                            return false;
                          }
                        }
                        var valid1 = _errs6 === errors;
                        if (!valid1) {
                          break;
                        }
                      }
                      if (valid1) {
                        let i1 = data1.length;
                        let j0;
                        if (i1 > 1) {
                          const indices0 = {};
                          for (; i1--; ) {
                            let item0 = data1[i1];
                            if (typeof item0 !== "string") {
                              continue;
                            }
                            if (typeof indices0[item0] == "number") {
                              j0 = indices0[item0];
                              validate36.errors = [{ instancePath: instancePath + "/values", schemaPath: "#/properties/values/uniqueItems", keyword: "uniqueItems", params: { i: i1, j: j0 }, message: "must NOT have duplicate items (items ## " + j0 + " and " + i1 + " are identical)" }];
                              return false;
                              break;
                            }
                            indices0[item0] = i1;
                          }
                        }
                      }
                    }
                  }
                } else {
                  validate36.errors = [{ instancePath: instancePath + "/values", schemaPath: "#/properties/values/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                  return false;
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.notValues !== void 0) {
                let data3 = data.notValues;
                const _errs8 = errors;
                if (errors === _errs8) {
                  if (Array.isArray(data3)) {
                    if (data3.length > 16) {
                      validate36.errors = [{ instancePath: instancePath + "/notValues", schemaPath: "#/properties/notValues/maxItems", keyword: "maxItems", params: { limit: 16 }, message: "must NOT have more than 16 items" }];
                      return false;
                    } else {
                      if (data3.length < 1) {
                        validate36.errors = [{ instancePath: instancePath + "/notValues", schemaPath: "#/properties/notValues/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                        return false;
                      } else {
                        var valid3 = true;
                        const len1 = data3.length;
                        for (let i2 = 0; i2 < len1; i2++) {
                          let data4 = data3[i2];
                          const _errs10 = errors;
                          if (errors === _errs10) {
                            if (typeof data4 === "string") {
                              if (func2(data4) > 253) {
                                validate36.errors = [{ instancePath: instancePath + "/notValues/" + i2, schemaPath: "#/properties/notValues/items/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                                return false;
                              } else {
                                if (func2(data4) < 1) {
                                  validate36.errors = [{ instancePath: instancePath + "/notValues/" + i2, schemaPath: "#/properties/notValues/items/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                                  return false;
                                } else {
                                  if (!pattern8.test(data4)) {
                                    validate36.errors = [{ instancePath: instancePath + "/notValues/" + i2, schemaPath: "#/properties/notValues/items/pattern", keyword: "pattern", params: { pattern: "^(\\*|\\*?[!-)+-~]([ -)+-~]*[!-)+-~])?|[!-)+-~]([ -)+-~]*[!-)+-~])?\\*)$" }, message: 'must match pattern "^(\\*|\\*?[!-)+-~]([ -)+-~]*[!-)+-~])?|[!-)+-~]([ -)+-~]*[!-)+-~])?\\*)$"' }];
                                    return false;
                                  }
                                }
                              }
                            } else {
                              validate36.errors = [{ instancePath: instancePath + "/notValues/" + i2, schemaPath: "#/properties/notValues/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                              return false;
                            }
                          }
                          var valid3 = _errs10 === errors;
                          if (!valid3) {
                            break;
                          }
                        }
                        if (valid3) {
                          let i3 = data3.length;
                          let j1;
                          if (i3 > 1) {
                            const indices1 = {};
                            for (; i3--; ) {
                              let item1 = data3[i3];
                              if (typeof item1 !== "string") {
                                continue;
                              }
                              if (typeof indices1[item1] == "number") {
                                j1 = indices1[item1];
                                validate36.errors = [{ instancePath: instancePath + "/notValues", schemaPath: "#/properties/notValues/uniqueItems", keyword: "uniqueItems", params: { i: i3, j: j1 }, message: "must NOT have duplicate items (items ## " + j1 + " and " + i3 + " are identical)" }];
                                return false;
                                break;
                              }
                              indices1[item1] = i3;
                            }
                          }
                        }
                      }
                    }
                  } else {
                    validate36.errors = [{ instancePath: instancePath + "/notValues", schemaPath: "#/properties/notValues/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                    return false;
                  }
                }
                var valid0 = _errs8 === errors;
              } else {
                var valid0 = true;
              }
            }
          }
        }
      }
    } else {
      validate36.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate36.errors = vErrors;
  return errors === 0;
}
function validate27(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      const _errs1 = errors;
      for (const key0 in data) {
        if (!(key0 === "from" || key0 === "to" || key0 === "when")) {
          validate27.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
          return false;
          break;
        }
      }
      if (_errs1 === errors) {
        if (data.from !== void 0) {
          let data0 = data.from;
          const _errs2 = errors;
          if (errors === _errs2) {
            if (Array.isArray(data0)) {
              if (data0.length > 8) {
                validate27.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/maxItems", keyword: "maxItems", params: { limit: 8 }, message: "must NOT have more than 8 items" }];
                return false;
              } else {
                if (data0.length < 1) {
                  validate27.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                  return false;
                } else {
                  var valid1 = true;
                  const len0 = data0.length;
                  for (let i0 = 0; i0 < len0; i0++) {
                    const _errs4 = errors;
                    if (!validate28(data0[i0], { instancePath: instancePath + "/from/" + i0, parentData: data0, parentDataProperty: i0, rootData })) {
                      vErrors = vErrors === null ? validate28.errors : vErrors.concat(validate28.errors);
                      errors = vErrors.length;
                    }
                    var valid1 = _errs4 === errors;
                    if (!valid1) {
                      break;
                    }
                  }
                }
              }
            } else {
              validate27.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
              return false;
            }
          }
          var valid0 = _errs2 === errors;
        } else {
          var valid0 = true;
        }
        if (valid0) {
          if (data.to !== void 0) {
            let data2 = data.to;
            const _errs5 = errors;
            if (errors === _errs5) {
              if (Array.isArray(data2)) {
                if (data2.length > 8) {
                  validate27.errors = [{ instancePath: instancePath + "/to", schemaPath: "#/properties/to/maxItems", keyword: "maxItems", params: { limit: 8 }, message: "must NOT have more than 8 items" }];
                  return false;
                } else {
                  if (data2.length < 1) {
                    validate27.errors = [{ instancePath: instancePath + "/to", schemaPath: "#/properties/to/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                    return false;
                  } else {
                    var valid2 = true;
                    const len1 = data2.length;
                    for (let i1 = 0; i1 < len1; i1++) {
                      const _errs7 = errors;
                      if (!validate32(data2[i1], { instancePath: instancePath + "/to/" + i1, parentData: data2, parentDataProperty: i1, rootData })) {
                        vErrors = vErrors === null ? validate32.errors : vErrors.concat(validate32.errors);
                        errors = vErrors.length;
                      }
                      var valid2 = _errs7 === errors;
                      if (!valid2) {
                        break;
                      }
                    }
                  }
                }
              } else {
                validate27.errors = [{ instancePath: instancePath + "/to", schemaPath: "#/properties/to/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                return false;
              }
            }
            var valid0 = _errs5 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.when !== void 0) {
              let data4 = data.when;
              const _errs8 = errors;
              if (errors === _errs8) {
                if (Array.isArray(data4)) {
                  if (data4.length > 4) {
                    validate27.errors = [{ instancePath: instancePath + "/when", schemaPath: "#/properties/when/maxItems", keyword: "maxItems", params: { limit: 4 }, message: "must NOT have more than 4 items" }];
                    return false;
                  } else {
                    if (data4.length < 1) {
                      validate27.errors = [{ instancePath: instancePath + "/when", schemaPath: "#/properties/when/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                      return false;
                    } else {
                      var valid3 = true;
                      const len2 = data4.length;
                      for (let i2 = 0; i2 < len2; i2++) {
                        const _errs10 = errors;
                        if (!validate36(data4[i2], { instancePath: instancePath + "/when/" + i2, parentData: data4, parentDataProperty: i2, rootData })) {
                          vErrors = vErrors === null ? validate36.errors : vErrors.concat(validate36.errors);
                          errors = vErrors.length;
                        }
                        var valid3 = _errs10 === errors;
                        if (!valid3) {
                          break;
                        }
                      }
                    }
                  }
                } else {
                  validate27.errors = [{ instancePath: instancePath + "/when", schemaPath: "#/properties/when/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                  return false;
                }
              }
              var valid0 = _errs8 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate27.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate27.errors = vErrors;
  return errors === 0;
}
function validate22(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      const _errs1 = errors;
      for (const key0 in data) {
        if (!(key0 === "selector" || key0 === "targetRefs" || key0 === "action" || key0 === "enforcement" || key0 === "rules")) {
          validate22.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
          return false;
          break;
        }
      }
      if (_errs1 === errors) {
        if (data.selector !== void 0) {
          const _errs2 = errors;
          if (!validate23(data.selector, { instancePath: instancePath + "/selector", parentData: data, parentDataProperty: "selector", rootData })) {
            vErrors = vErrors === null ? validate23.errors : vErrors.concat(validate23.errors);
            errors = vErrors.length;
          }
          var valid0 = _errs2 === errors;
        } else {
          var valid0 = true;
        }
        if (valid0) {
          if (data.targetRefs !== void 0) {
            let data1 = data.targetRefs;
            const _errs3 = errors;
            if (errors === _errs3) {
              if (Array.isArray(data1)) {
                if (data1.length > 16) {
                  validate22.errors = [{ instancePath: instancePath + "/targetRefs", schemaPath: "#/properties/targetRefs/maxItems", keyword: "maxItems", params: { limit: 16 }, message: "must NOT have more than 16 items" }];
                  return false;
                } else {
                  if (data1.length < 1) {
                    validate22.errors = [{ instancePath: instancePath + "/targetRefs", schemaPath: "#/properties/targetRefs/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                    return false;
                  } else {
                    var valid1 = true;
                    const len0 = data1.length;
                    for (let i0 = 0; i0 < len0; i0++) {
                      const _errs5 = errors;
                      if (!validate25(data1[i0], { instancePath: instancePath + "/targetRefs/" + i0, parentData: data1, parentDataProperty: i0, rootData })) {
                        vErrors = vErrors === null ? validate25.errors : vErrors.concat(validate25.errors);
                        errors = vErrors.length;
                      }
                      var valid1 = _errs5 === errors;
                      if (!valid1) {
                        break;
                      }
                    }
                    if (valid1) {
                      if (new Set(data1.map((item) => item?.["name"])).size !== data1.length) {
                        validate22.errors = [{ instancePath: instancePath + "/targetRefs", schemaPath: "#/properties/targetRefs/x-kubernetes-list-map-keys", keyword: "x-kubernetes-list-map-keys", params: {}, message: "must not have two items with the same key" }];
                        return false;
                      }
                    }
                  }
                }
              } else {
                validate22.errors = [{ instancePath: instancePath + "/targetRefs", schemaPath: "#/properties/targetRefs/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                return false;
              }
            }
            var valid0 = _errs3 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.action !== void 0) {
              let data3 = data.action;
              const _errs6 = errors;
              if (typeof data3 !== "string") {
                validate22.errors = [{ instancePath: instancePath + "/action", schemaPath: "#/properties/action/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
              if (!(data3 === "ALLOW" || data3 === "DENY")) {
                validate22.errors = [{ instancePath: instancePath + "/action", schemaPath: "#/properties/action/enum", keyword: "enum", params: { allowedValues: schema7.properties.action.enum }, message: "must be equal to one of the allowed values" }];
                return false;
              }
              var valid0 = _errs6 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.enforcement !== void 0) {
                let data4 = data.enforcement;
                const _errs8 = errors;
                if (typeof data4 !== "string") {
                  validate22.errors = [{ instancePath: instancePath + "/enforcement", schemaPath: "#/properties/enforcement/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                  return false;
                }
                if (!(data4 === "Enforced" || data4 === "DryRun")) {
                  validate22.errors = [{ instancePath: instancePath + "/enforcement", schemaPath: "#/properties/enforcement/enum", keyword: "enum", params: { allowedValues: schema7.properties.enforcement.enum }, message: "must be equal to one of the allowed values" }];
                  return false;
                }
                var valid0 = _errs8 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.rules !== void 0) {
                  let data5 = data.rules;
                  const _errs10 = errors;
                  if (errors === _errs10) {
                    if (Array.isArray(data5)) {
                      if (data5.length > 64) {
                        validate22.errors = [{ instancePath: instancePath + "/rules", schemaPath: "#/properties/rules/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                        return false;
                      } else {
                        if (data5.length < 1) {
                          validate22.errors = [{ instancePath: instancePath + "/rules", schemaPath: "#/properties/rules/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                          return false;
                        } else {
                          var valid2 = true;
                          const len1 = data5.length;
                          for (let i1 = 0; i1 < len1; i1++) {
                            const _errs12 = errors;
                            if (!validate27(data5[i1], { instancePath: instancePath + "/rules/" + i1, parentData: data5, parentDataProperty: i1, rootData })) {
                              vErrors = vErrors === null ? validate27.errors : vErrors.concat(validate27.errors);
                              errors = vErrors.length;
                            }
                            var valid2 = _errs12 === errors;
                            if (!valid2) {
                              break;
                            }
                          }
                        }
                      }
                    } else {
                      validate22.errors = [{ instancePath: instancePath + "/rules", schemaPath: "#/properties/rules/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                      return false;
                    }
                  }
                  var valid0 = _errs10 === errors;
                } else {
                  var valid0 = true;
                }
              }
            }
          }
        }
      }
    } else {
      validate22.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate22.errors = vErrors;
  return errors === 0;
}
function validate21(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.spec === void 0 && (missing0 = "spec")) {
        validate21.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        if (data.spec !== void 0) {
          if (!validate22(data.spec, { instancePath: instancePath + "/spec", parentData: data, parentDataProperty: "spec", rootData })) {
            vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
            errors = vErrors.length;
          }
        }
      }
    } else {
      validate21.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate21.errors = vErrors;
  return errors === 0;
}
var meshTLS = validate40;
var schema17 = { "type": "object", "minProperties": 1, "properties": { "selector": { "$ref": "#/$defs/MeshTLSSelector" }, "mode": { "type": "string", "enum": ["Strict", "Permissive", "Disabled"] }, "ports": { "type": "array", "minItems": 1, "maxItems": 64, "x-kubernetes-list-map-keys": ["port"], "items": { "$ref": "#/$defs/MeshTLSPort" } }, "tlsVersion": { "$ref": "#/$defs/MeshTLSVersion" }, "tlsCiphers": { "type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true, "items": { "type": "string", "enum": ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"] } }, "identity": { "$ref": "#/$defs/MeshTLSIdentity" } }, "additionalProperties": false };
function validate42(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.matchLabels === void 0 && (missing0 = "matchLabels")) {
        validate42.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "matchLabels")) {
            validate42.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.matchLabels !== void 0) {
            let data0 = data.matchLabels;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (data0 && typeof data0 == "object" && !Array.isArray(data0)) {
                if (Object.keys(data0).length > 16) {
                  validate42.errors = [{ instancePath: instancePath + "/matchLabels", schemaPath: "#/properties/matchLabels/maxProperties", keyword: "maxProperties", params: { limit: 16 }, message: "must NOT have more than 16 properties" }];
                  return false;
                } else {
                  if (Object.keys(data0).length < 1) {
                    validate42.errors = [{ instancePath: instancePath + "/matchLabels", schemaPath: "#/properties/matchLabels/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
                    return false;
                  } else {
                    for (const key1 in data0) {
                      let data1 = data0[key1];
                      const _errs5 = errors;
                      if (errors === _errs5) {
                        if (typeof data1 === "string") {
                          if (func2(data1) > 63) {
                            validate42.errors = [{ instancePath: instancePath + "/matchLabels/" + key1.replace(/~/g, "~0").replace(/\//g, "~1"), schemaPath: "#/properties/matchLabels/additionalProperties/maxLength", keyword: "maxLength", params: { limit: 63 }, message: "must NOT have more than 63 characters" }];
                            return false;
                          }
                        } else {
                          validate42.errors = [{ instancePath: instancePath + "/matchLabels/" + key1.replace(/~/g, "~0").replace(/\//g, "~1"), schemaPath: "#/properties/matchLabels/additionalProperties/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                          return false;
                        }
                      }
                      var valid1 = _errs5 === errors;
                      if (!valid1) {
                        break;
                      }
                    }
                  }
                }
              } else {
                validate42.errors = [{ instancePath: instancePath + "/matchLabels", schemaPath: "#/properties/matchLabels/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
                return false;
              }
            }
          }
        }
      }
    } else {
      validate42.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate42.errors = vErrors;
  return errors === 0;
}
var schema19 = { "type": "object", "required": ["port", "mode"], "properties": { "port": { "maxLength": 15, "type": ["integer", "string"] }, "mode": { "type": "string", "enum": ["Strict", "Permissive", "Disabled"] } }, "additionalProperties": false };
function validate44(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.port === void 0 && (missing0 = "port") || data.mode === void 0 && (missing0 = "mode")) {
        validate44.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "port" || key0 === "mode")) {
            validate44.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.port !== void 0) {
            let data0 = data.port;
            const _errs2 = errors;
            if (!(typeof data0 == "number" && (!(data0 % 1) && !isNaN(data0)) && isFinite(data0)) && typeof data0 !== "string") {
              validate44.errors = [{ instancePath: instancePath + "/port", schemaPath: "#/properties/port/type", keyword: "type", params: { type: schema19.properties.port.type }, message: "must be integer,string" }];
              return false;
            }
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 15) {
                  validate44.errors = [{ instancePath: instancePath + "/port", schemaPath: "#/properties/port/maxLength", keyword: "maxLength", params: { limit: 15 }, message: "must NOT have more than 15 characters" }];
                  return false;
                }
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.mode !== void 0) {
              let data1 = data.mode;
              const _errs4 = errors;
              if (typeof data1 !== "string") {
                validate44.errors = [{ instancePath: instancePath + "/mode", schemaPath: "#/properties/mode/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
              if (!(data1 === "Strict" || data1 === "Permissive" || data1 === "Disabled")) {
                validate44.errors = [{ instancePath: instancePath + "/mode", schemaPath: "#/properties/mode/enum", keyword: "enum", params: { allowedValues: schema19.properties.mode.enum }, message: "must be equal to one of the allowed values" }];
                return false;
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate44.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate44.errors = vErrors;
  return errors === 0;
}
var schema20 = { "type": "object", "minProperties": 1, "properties": { "min": { "type": "string", "enum": ["TLS12", "TLS13"] }, "max": { "type": "string", "enum": ["TLS12", "TLS13"] } }, "additionalProperties": false };
function validate46(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (Object.keys(data).length < 1) {
        validate46.errors = [{ instancePath, schemaPath: "#/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "min" || key0 === "max")) {
            validate46.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.min !== void 0) {
            let data0 = data.min;
            const _errs2 = errors;
            if (typeof data0 !== "string") {
              validate46.errors = [{ instancePath: instancePath + "/min", schemaPath: "#/properties/min/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
              return false;
            }
            if (!(data0 === "TLS12" || data0 === "TLS13")) {
              validate46.errors = [{ instancePath: instancePath + "/min", schemaPath: "#/properties/min/enum", keyword: "enum", params: { allowedValues: schema20.properties.min.enum }, message: "must be equal to one of the allowed values" }];
              return false;
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.max !== void 0) {
              let data1 = data.max;
              const _errs4 = errors;
              if (typeof data1 !== "string") {
                validate46.errors = [{ instancePath: instancePath + "/max", schemaPath: "#/properties/max/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
              if (!(data1 === "TLS12" || data1 === "TLS13")) {
                validate46.errors = [{ instancePath: instancePath + "/max", schemaPath: "#/properties/max/enum", keyword: "enum", params: { allowedValues: schema20.properties.max.enum }, message: "must be equal to one of the allowed values" }];
                return false;
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate46.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate46.errors = vErrors;
  return errors === 0;
}
var schema21 = { "type": "object", "minProperties": 1, "properties": { "trustDomain": { "type": "string", "maxLength": 253 }, "provider": { "type": "string", "enum": ["BuiltIn", "CertManager"] }, "certManager": { "$ref": "#/$defs/MeshTLSCertManager" }, "certificateTTL": { "type": "string", "maxLength": 16 } }, "additionalProperties": false };
function validate50(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.name === void 0 && (missing0 = "name") || data.kind === void 0 && (missing0 = "kind")) {
        validate50.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "name" || key0 === "kind" || key0 === "group")) {
            validate50.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.name !== void 0) {
            let data0 = data.name;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 253) {
                  validate50.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                  return false;
                } else {
                  if (func2(data0) < 1) {
                    validate50.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                    return false;
                  }
                }
              } else {
                validate50.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.kind !== void 0) {
              let data1 = data.kind;
              const _errs4 = errors;
              if (errors === _errs4) {
                if (typeof data1 === "string") {
                  if (func2(data1) > 63) {
                    validate50.errors = [{ instancePath: instancePath + "/kind", schemaPath: "#/properties/kind/maxLength", keyword: "maxLength", params: { limit: 63 }, message: "must NOT have more than 63 characters" }];
                    return false;
                  } else {
                    if (func2(data1) < 1) {
                      validate50.errors = [{ instancePath: instancePath + "/kind", schemaPath: "#/properties/kind/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                      return false;
                    }
                  }
                } else {
                  validate50.errors = [{ instancePath: instancePath + "/kind", schemaPath: "#/properties/kind/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                  return false;
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.group !== void 0) {
                let data2 = data.group;
                const _errs6 = errors;
                if (errors === _errs6) {
                  if (typeof data2 === "string") {
                    if (func2(data2) > 253) {
                      validate50.errors = [{ instancePath: instancePath + "/group", schemaPath: "#/properties/group/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                      return false;
                    } else {
                      if (func2(data2) < 1) {
                        validate50.errors = [{ instancePath: instancePath + "/group", schemaPath: "#/properties/group/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                        return false;
                      }
                    }
                  } else {
                    validate50.errors = [{ instancePath: instancePath + "/group", schemaPath: "#/properties/group/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                    return false;
                  }
                }
                var valid0 = _errs6 === errors;
              } else {
                var valid0 = true;
              }
            }
          }
        }
      }
    } else {
      validate50.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate50.errors = vErrors;
  return errors === 0;
}
function validate49(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.issuerRef === void 0 && (missing0 = "issuerRef")) {
        validate49.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "issuerRef")) {
            validate49.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.issuerRef !== void 0) {
            if (!validate50(data.issuerRef, { instancePath: instancePath + "/issuerRef", parentData: data, parentDataProperty: "issuerRef", rootData })) {
              vErrors = vErrors === null ? validate50.errors : vErrors.concat(validate50.errors);
              errors = vErrors.length;
            }
          }
        }
      }
    } else {
      validate49.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate49.errors = vErrors;
  return errors === 0;
}
function validate48(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (Object.keys(data).length < 1) {
        validate48.errors = [{ instancePath, schemaPath: "#/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "trustDomain" || key0 === "provider" || key0 === "certManager" || key0 === "certificateTTL")) {
            validate48.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.trustDomain !== void 0) {
            let data0 = data.trustDomain;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 253) {
                  validate48.errors = [{ instancePath: instancePath + "/trustDomain", schemaPath: "#/properties/trustDomain/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                  return false;
                }
              } else {
                validate48.errors = [{ instancePath: instancePath + "/trustDomain", schemaPath: "#/properties/trustDomain/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.provider !== void 0) {
              let data1 = data.provider;
              const _errs4 = errors;
              if (typeof data1 !== "string") {
                validate48.errors = [{ instancePath: instancePath + "/provider", schemaPath: "#/properties/provider/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
              if (!(data1 === "BuiltIn" || data1 === "CertManager")) {
                validate48.errors = [{ instancePath: instancePath + "/provider", schemaPath: "#/properties/provider/enum", keyword: "enum", params: { allowedValues: schema21.properties.provider.enum }, message: "must be equal to one of the allowed values" }];
                return false;
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.certManager !== void 0) {
                const _errs6 = errors;
                if (!validate49(data.certManager, { instancePath: instancePath + "/certManager", parentData: data, parentDataProperty: "certManager", rootData })) {
                  vErrors = vErrors === null ? validate49.errors : vErrors.concat(validate49.errors);
                  errors = vErrors.length;
                }
                var valid0 = _errs6 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.certificateTTL !== void 0) {
                  let data3 = data.certificateTTL;
                  const _errs7 = errors;
                  if (errors === _errs7) {
                    if (typeof data3 === "string") {
                      if (func2(data3) > 16) {
                        validate48.errors = [{ instancePath: instancePath + "/certificateTTL", schemaPath: "#/properties/certificateTTL/maxLength", keyword: "maxLength", params: { limit: 16 }, message: "must NOT have more than 16 characters" }];
                        return false;
                      }
                    } else {
                      validate48.errors = [{ instancePath: instancePath + "/certificateTTL", schemaPath: "#/properties/certificateTTL/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                      return false;
                    }
                  }
                  var valid0 = _errs7 === errors;
                } else {
                  var valid0 = true;
                }
              }
            }
          }
        }
      }
    } else {
      validate48.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate48.errors = vErrors;
  return errors === 0;
}
function validate41(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (Object.keys(data).length < 1) {
        validate41.errors = [{ instancePath, schemaPath: "#/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "selector" || key0 === "mode" || key0 === "ports" || key0 === "tlsVersion" || key0 === "tlsCiphers" || key0 === "identity")) {
            validate41.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.selector !== void 0) {
            const _errs2 = errors;
            if (!validate42(data.selector, { instancePath: instancePath + "/selector", parentData: data, parentDataProperty: "selector", rootData })) {
              vErrors = vErrors === null ? validate42.errors : vErrors.concat(validate42.errors);
              errors = vErrors.length;
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.mode !== void 0) {
              let data1 = data.mode;
              const _errs3 = errors;
              if (typeof data1 !== "string") {
                validate41.errors = [{ instancePath: instancePath + "/mode", schemaPath: "#/properties/mode/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
              if (!(data1 === "Strict" || data1 === "Permissive" || data1 === "Disabled")) {
                validate41.errors = [{ instancePath: instancePath + "/mode", schemaPath: "#/properties/mode/enum", keyword: "enum", params: { allowedValues: schema17.properties.mode.enum }, message: "must be equal to one of the allowed values" }];
                return false;
              }
              var valid0 = _errs3 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.ports !== void 0) {
                let data2 = data.ports;
                const _errs5 = errors;
                if (errors === _errs5) {
                  if (Array.isArray(data2)) {
                    if (data2.length > 64) {
                      validate41.errors = [{ instancePath: instancePath + "/ports", schemaPath: "#/properties/ports/maxItems", keyword: "maxItems", params: { limit: 64 }, message: "must NOT have more than 64 items" }];
                      return false;
                    } else {
                      if (data2.length < 1) {
                        validate41.errors = [{ instancePath: instancePath + "/ports", schemaPath: "#/properties/ports/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                        return false;
                      } else {
                        var valid1 = true;
                        const len0 = data2.length;
                        for (let i0 = 0; i0 < len0; i0++) {
                          const _errs7 = errors;
                          if (!validate44(data2[i0], { instancePath: instancePath + "/ports/" + i0, parentData: data2, parentDataProperty: i0, rootData })) {
                            vErrors = vErrors === null ? validate44.errors : vErrors.concat(validate44.errors);
                            errors = vErrors.length;
                          }
                          var valid1 = _errs7 === errors;
                          if (!valid1) {
                            break;
                          }
                        }
                        if (valid1) {
                          if (new Set(data2.map((item) => item?.["port"])).size !== data2.length) {
                            validate41.errors = [{ instancePath: instancePath + "/ports", schemaPath: "#/properties/ports/x-kubernetes-list-map-keys", keyword: "x-kubernetes-list-map-keys", params: {}, message: "must not have two items with the same key" }];
                            return false;
                          }
                        }
                      }
                    }
                  } else {
                    validate41.errors = [{ instancePath: instancePath + "/ports", schemaPath: "#/properties/ports/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                    return false;
                  }
                }
                var valid0 = _errs5 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.tlsVersion !== void 0) {
                  const _errs8 = errors;
                  if (!validate46(data.tlsVersion, { instancePath: instancePath + "/tlsVersion", parentData: data, parentDataProperty: "tlsVersion", rootData })) {
                    vErrors = vErrors === null ? validate46.errors : vErrors.concat(validate46.errors);
                    errors = vErrors.length;
                  }
                  var valid0 = _errs8 === errors;
                } else {
                  var valid0 = true;
                }
                if (valid0) {
                  if (data.tlsCiphers !== void 0) {
                    let data5 = data.tlsCiphers;
                    const _errs9 = errors;
                    if (errors === _errs9) {
                      if (Array.isArray(data5)) {
                        if (data5.length > 3) {
                          validate41.errors = [{ instancePath: instancePath + "/tlsCiphers", schemaPath: "#/properties/tlsCiphers/maxItems", keyword: "maxItems", params: { limit: 3 }, message: "must NOT have more than 3 items" }];
                          return false;
                        } else {
                          if (data5.length < 1) {
                            validate41.errors = [{ instancePath: instancePath + "/tlsCiphers", schemaPath: "#/properties/tlsCiphers/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                            return false;
                          } else {
                            var valid2 = true;
                            const len1 = data5.length;
                            for (let i1 = 0; i1 < len1; i1++) {
                              let data6 = data5[i1];
                              const _errs11 = errors;
                              if (typeof data6 !== "string") {
                                validate41.errors = [{ instancePath: instancePath + "/tlsCiphers/" + i1, schemaPath: "#/properties/tlsCiphers/items/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                                return false;
                              }
                              if (!(data6 === "ECDHE-ECDSA-AES128-GCM-SHA256" || data6 === "ECDHE-ECDSA-AES256-GCM-SHA384" || data6 === "ECDHE-ECDSA-CHACHA20-POLY1305")) {
                                validate41.errors = [{ instancePath: instancePath + "/tlsCiphers/" + i1, schemaPath: "#/properties/tlsCiphers/items/enum", keyword: "enum", params: { allowedValues: schema17.properties.tlsCiphers.items.enum }, message: "must be equal to one of the allowed values" }];
                                return false;
                              }
                              var valid2 = _errs11 === errors;
                              if (!valid2) {
                                break;
                              }
                            }
                            if (valid2) {
                              let i2 = data5.length;
                              let j0;
                              if (i2 > 1) {
                                const indices0 = {};
                                for (; i2--; ) {
                                  let item0 = data5[i2];
                                  if (typeof item0 !== "string") {
                                    continue;
                                  }
                                  if (typeof indices0[item0] == "number") {
                                    j0 = indices0[item0];
                                    validate41.errors = [{ instancePath: instancePath + "/tlsCiphers", schemaPath: "#/properties/tlsCiphers/uniqueItems", keyword: "uniqueItems", params: { i: i2, j: j0 }, message: "must NOT have duplicate items (items ## " + j0 + " and " + i2 + " are identical)" }];
                                    return false;
                                    break;
                                  }
                                  indices0[item0] = i2;
                                }
                              }
                            }
                          }
                        }
                      } else {
                        validate41.errors = [{ instancePath: instancePath + "/tlsCiphers", schemaPath: "#/properties/tlsCiphers/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                        return false;
                      }
                    }
                    var valid0 = _errs9 === errors;
                  } else {
                    var valid0 = true;
                  }
                  if (valid0) {
                    if (data.identity !== void 0) {
                      const _errs13 = errors;
                      if (!validate48(data.identity, { instancePath: instancePath + "/identity", parentData: data, parentDataProperty: "identity", rootData })) {
                        vErrors = vErrors === null ? validate48.errors : vErrors.concat(validate48.errors);
                        errors = vErrors.length;
                      }
                      var valid0 = _errs13 === errors;
                    } else {
                      var valid0 = true;
                    }
                  }
                }
              }
            }
          }
        }
      }
    } else {
      validate41.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate41.errors = vErrors;
  return errors === 0;
}
function validate40(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.spec === void 0 && (missing0 = "spec")) {
        validate40.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        if (data.spec !== void 0) {
          if (!validate41(data.spec, { instancePath: instancePath + "/spec", parentData: data, parentDataProperty: "spec", rootData })) {
            vErrors = vErrors === null ? validate41.errors : vErrors.concat(validate41.errors);
            errors = vErrors.length;
          }
        }
      }
    } else {
      validate40.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate40.errors = vErrors;
  return errors === 0;
}
var trafficSplit = validate55;
function validate57(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.service === void 0 && (missing0 = "service")) {
        validate57.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "service" || key0 === "weight")) {
            validate57.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.service !== void 0) {
            let data0 = data.service;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 63) {
                  validate57.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/maxLength", keyword: "maxLength", params: { limit: 63 }, message: "must NOT have more than 63 characters" }];
                  return false;
                } else {
                  if (func2(data0) < 1) {
                    validate57.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                    return false;
                  }
                }
              } else {
                validate57.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.weight !== void 0) {
              let data1 = data.weight;
              const _errs4 = errors;
              if (!(typeof data1 == "number" && (!(data1 % 1) && !isNaN(data1)) && isFinite(data1))) {
                validate57.errors = [{ instancePath: instancePath + "/weight", schemaPath: "#/properties/weight/type", keyword: "type", params: { type: "integer" }, message: "must be integer" }];
                return false;
              }
              if (errors === _errs4) {
                if (typeof data1 == "number" && isFinite(data1)) {
                  if (data1 > 1e6 || isNaN(data1)) {
                    validate57.errors = [{ instancePath: instancePath + "/weight", schemaPath: "#/properties/weight/maximum", keyword: "maximum", params: { comparison: "<=", limit: 1e6 }, message: "must be <= 1000000" }];
                    return false;
                  } else {
                    if (data1 < 0 || isNaN(data1)) {
                      validate57.errors = [{ instancePath: instancePath + "/weight", schemaPath: "#/properties/weight/minimum", keyword: "minimum", params: { comparison: ">=", limit: 0 }, message: "must be >= 0" }];
                      return false;
                    }
                  }
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate57.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate57.errors = vErrors;
  return errors === 0;
}
var schema28 = { "type": "object", "required": ["type", "value"], "properties": { "type": { "type": "string", "enum": ["Exact", "PathPrefix", "RegularExpression"] }, "value": { "type": "string", "minLength": 1, "maxLength": 1024 } }, "additionalProperties": false };
function validate60(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.type === void 0 && (missing0 = "type") || data.value === void 0 && (missing0 = "value")) {
        validate60.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "type" || key0 === "value")) {
            validate60.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.type !== void 0) {
            let data0 = data.type;
            const _errs2 = errors;
            if (typeof data0 !== "string") {
              validate60.errors = [{ instancePath: instancePath + "/type", schemaPath: "#/properties/type/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
              return false;
            }
            if (!(data0 === "Exact" || data0 === "PathPrefix" || data0 === "RegularExpression")) {
              validate60.errors = [{ instancePath: instancePath + "/type", schemaPath: "#/properties/type/enum", keyword: "enum", params: { allowedValues: schema28.properties.type.enum }, message: "must be equal to one of the allowed values" }];
              return false;
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.value !== void 0) {
              let data1 = data.value;
              const _errs4 = errors;
              if (errors === _errs4) {
                if (typeof data1 === "string") {
                  if (func2(data1) > 1024) {
                    validate60.errors = [{ instancePath: instancePath + "/value", schemaPath: "#/properties/value/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }];
                    return false;
                  } else {
                    if (func2(data1) < 1) {
                      validate60.errors = [{ instancePath: instancePath + "/value", schemaPath: "#/properties/value/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                      return false;
                    }
                  }
                } else {
                  validate60.errors = [{ instancePath: instancePath + "/value", schemaPath: "#/properties/value/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                  return false;
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate60.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate60.errors = vErrors;
  return errors === 0;
}
var schema29 = { "type": "object", "required": ["type", "name", "value"], "properties": { "type": { "type": "string", "enum": ["Exact", "RegularExpression"] }, "name": { "type": "string", "minLength": 1, "maxLength": 128 }, "value": { "type": "string", "minLength": 1, "maxLength": 1024 } }, "additionalProperties": false };
function validate62(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.type === void 0 && (missing0 = "type") || data.name === void 0 && (missing0 = "name") || data.value === void 0 && (missing0 = "value")) {
        validate62.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "type" || key0 === "name" || key0 === "value")) {
            validate62.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.type !== void 0) {
            let data0 = data.type;
            const _errs2 = errors;
            if (typeof data0 !== "string") {
              validate62.errors = [{ instancePath: instancePath + "/type", schemaPath: "#/properties/type/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
              return false;
            }
            if (!(data0 === "Exact" || data0 === "RegularExpression")) {
              validate62.errors = [{ instancePath: instancePath + "/type", schemaPath: "#/properties/type/enum", keyword: "enum", params: { allowedValues: schema29.properties.type.enum }, message: "must be equal to one of the allowed values" }];
              return false;
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.name !== void 0) {
              let data1 = data.name;
              const _errs4 = errors;
              if (errors === _errs4) {
                if (typeof data1 === "string") {
                  if (func2(data1) > 128) {
                    validate62.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/maxLength", keyword: "maxLength", params: { limit: 128 }, message: "must NOT have more than 128 characters" }];
                    return false;
                  } else {
                    if (func2(data1) < 1) {
                      validate62.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                      return false;
                    }
                  }
                } else {
                  validate62.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                  return false;
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.value !== void 0) {
                let data2 = data.value;
                const _errs6 = errors;
                if (errors === _errs6) {
                  if (typeof data2 === "string") {
                    if (func2(data2) > 1024) {
                      validate62.errors = [{ instancePath: instancePath + "/value", schemaPath: "#/properties/value/maxLength", keyword: "maxLength", params: { limit: 1024 }, message: "must NOT have more than 1024 characters" }];
                      return false;
                    } else {
                      if (func2(data2) < 1) {
                        validate62.errors = [{ instancePath: instancePath + "/value", schemaPath: "#/properties/value/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                        return false;
                      }
                    }
                  } else {
                    validate62.errors = [{ instancePath: instancePath + "/value", schemaPath: "#/properties/value/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                    return false;
                  }
                }
                var valid0 = _errs6 === errors;
              } else {
                var valid0 = true;
              }
            }
          }
        }
      }
    } else {
      validate62.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate62.errors = vErrors;
  return errors === 0;
}
function validate59(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (Object.keys(data).length < 1) {
        validate59.errors = [{ instancePath, schemaPath: "#/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "path" || key0 === "method" || key0 === "headers")) {
            validate59.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.path !== void 0) {
            const _errs2 = errors;
            if (!validate60(data.path, { instancePath: instancePath + "/path", parentData: data, parentDataProperty: "path", rootData })) {
              vErrors = vErrors === null ? validate60.errors : vErrors.concat(validate60.errors);
              errors = vErrors.length;
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.method !== void 0) {
              let data1 = data.method;
              const _errs3 = errors;
              if (errors === _errs3) {
                if (typeof data1 === "string") {
                  if (func2(data1) > 32) {
                    validate59.errors = [{ instancePath: instancePath + "/method", schemaPath: "#/properties/method/maxLength", keyword: "maxLength", params: { limit: 32 }, message: "must NOT have more than 32 characters" }];
                    return false;
                  } else {
                    if (func2(data1) < 1) {
                      validate59.errors = [{ instancePath: instancePath + "/method", schemaPath: "#/properties/method/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                      return false;
                    }
                  }
                } else {
                  validate59.errors = [{ instancePath: instancePath + "/method", schemaPath: "#/properties/method/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                  return false;
                }
              }
              var valid0 = _errs3 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.headers !== void 0) {
                let data2 = data.headers;
                const _errs5 = errors;
                if (errors === _errs5) {
                  if (Array.isArray(data2)) {
                    if (data2.length > 16) {
                      validate59.errors = [{ instancePath: instancePath + "/headers", schemaPath: "#/properties/headers/maxItems", keyword: "maxItems", params: { limit: 16 }, message: "must NOT have more than 16 items" }];
                      return false;
                    } else {
                      if (data2.length < 1) {
                        validate59.errors = [{ instancePath: instancePath + "/headers", schemaPath: "#/properties/headers/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                        return false;
                      } else {
                        var valid1 = true;
                        const len0 = data2.length;
                        for (let i0 = 0; i0 < len0; i0++) {
                          const _errs7 = errors;
                          if (!validate62(data2[i0], { instancePath: instancePath + "/headers/" + i0, parentData: data2, parentDataProperty: i0, rootData })) {
                            vErrors = vErrors === null ? validate62.errors : vErrors.concat(validate62.errors);
                            errors = vErrors.length;
                          }
                          var valid1 = _errs7 === errors;
                          if (!valid1) {
                            break;
                          }
                        }
                        if (valid1) {
                          if (new Set(data2.map((item) => item?.["name"])).size !== data2.length) {
                            validate59.errors = [{ instancePath: instancePath + "/headers", schemaPath: "#/properties/headers/x-kubernetes-list-map-keys", keyword: "x-kubernetes-list-map-keys", params: {}, message: "must not have two items with the same key" }];
                            return false;
                          }
                        }
                      }
                    }
                  } else {
                    validate59.errors = [{ instancePath: instancePath + "/headers", schemaPath: "#/properties/headers/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                    return false;
                  }
                }
                var valid0 = _errs5 === errors;
              } else {
                var valid0 = true;
              }
            }
          }
        }
      }
    } else {
      validate59.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate59.errors = vErrors;
  return errors === 0;
}
function validate66(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.name === void 0 && (missing0 = "name") || data.ttl === void 0 && (missing0 = "ttl")) {
        validate66.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "name" || key0 === "ttl")) {
            validate66.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.name !== void 0) {
            let data0 = data.name;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 64) {
                  validate66.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/maxLength", keyword: "maxLength", params: { limit: 64 }, message: "must NOT have more than 64 characters" }];
                  return false;
                } else {
                  if (func2(data0) < 1) {
                    validate66.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                    return false;
                  }
                }
              } else {
                validate66.errors = [{ instancePath: instancePath + "/name", schemaPath: "#/properties/name/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.ttl !== void 0) {
              let data1 = data.ttl;
              const _errs4 = errors;
              if (errors === _errs4) {
                if (typeof data1 === "string") {
                  if (func2(data1) > 16) {
                    validate66.errors = [{ instancePath: instancePath + "/ttl", schemaPath: "#/properties/ttl/maxLength", keyword: "maxLength", params: { limit: 16 }, message: "must NOT have more than 16 characters" }];
                    return false;
                  } else {
                    if (func2(data1) < 2) {
                      validate66.errors = [{ instancePath: instancePath + "/ttl", schemaPath: "#/properties/ttl/minLength", keyword: "minLength", params: { limit: 2 }, message: "must NOT have fewer than 2 characters" }];
                      return false;
                    }
                  }
                } else {
                  validate66.errors = [{ instancePath: instancePath + "/ttl", schemaPath: "#/properties/ttl/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                  return false;
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate66.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate66.errors = vErrors;
  return errors === 0;
}
function validate65(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (Object.keys(data).length < 1) {
        validate65.errors = [{ instancePath, schemaPath: "#/minProperties", keyword: "minProperties", params: { limit: 1 }, message: "must NOT have fewer than 1 properties" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "header" || key0 === "cookie")) {
            validate65.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.header !== void 0) {
            let data0 = data.header;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 128) {
                  validate65.errors = [{ instancePath: instancePath + "/header", schemaPath: "#/properties/header/maxLength", keyword: "maxLength", params: { limit: 128 }, message: "must NOT have more than 128 characters" }];
                  return false;
                } else {
                  if (func2(data0) < 1) {
                    validate65.errors = [{ instancePath: instancePath + "/header", schemaPath: "#/properties/header/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                    return false;
                  }
                }
              } else {
                validate65.errors = [{ instancePath: instancePath + "/header", schemaPath: "#/properties/header/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.cookie !== void 0) {
              const _errs4 = errors;
              if (!validate66(data.cookie, { instancePath: instancePath + "/cookie", parentData: data, parentDataProperty: "cookie", rootData })) {
                vErrors = vErrors === null ? validate66.errors : vErrors.concat(validate66.errors);
                errors = vErrors.length;
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate65.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate65.errors = vErrors;
  return errors === 0;
}
function validate69(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.service === void 0 && (missing0 = "service") || data.percent === void 0 && (missing0 = "percent")) {
        validate69.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "service" || key0 === "percent")) {
            validate69.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.service !== void 0) {
            let data0 = data.service;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 63) {
                  validate69.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/maxLength", keyword: "maxLength", params: { limit: 63 }, message: "must NOT have more than 63 characters" }];
                  return false;
                } else {
                  if (func2(data0) < 1) {
                    validate69.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                    return false;
                  }
                }
              } else {
                validate69.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.percent !== void 0) {
              let data1 = data.percent;
              const _errs4 = errors;
              if (!(typeof data1 == "number" && (!(data1 % 1) && !isNaN(data1)) && isFinite(data1))) {
                validate69.errors = [{ instancePath: instancePath + "/percent", schemaPath: "#/properties/percent/type", keyword: "type", params: { type: "integer" }, message: "must be integer" }];
                return false;
              }
              if (errors === _errs4) {
                if (typeof data1 == "number" && isFinite(data1)) {
                  if (data1 > 100 || isNaN(data1)) {
                    validate69.errors = [{ instancePath: instancePath + "/percent", schemaPath: "#/properties/percent/maximum", keyword: "maximum", params: { comparison: "<=", limit: 100 }, message: "must be <= 100" }];
                    return false;
                  } else {
                    if (data1 < 1 || isNaN(data1)) {
                      validate69.errors = [{ instancePath: instancePath + "/percent", schemaPath: "#/properties/percent/minimum", keyword: "minimum", params: { comparison: ">=", limit: 1 }, message: "must be >= 1" }];
                      return false;
                    }
                  }
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate69.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate69.errors = vErrors;
  return errors === 0;
}
function validate56(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.service === void 0 && (missing0 = "service") || data.backends === void 0 && (missing0 = "backends")) {
        validate56.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "service" || key0 === "backends" || key0 === "matches" || key0 === "affinity" || key0 === "mirror")) {
            validate56.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties" }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.service !== void 0) {
            let data0 = data.service;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func2(data0) > 253) {
                  validate56.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/maxLength", keyword: "maxLength", params: { limit: 253 }, message: "must NOT have more than 253 characters" }];
                  return false;
                } else {
                  if (func2(data0) < 1) {
                    validate56.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters" }];
                    return false;
                  }
                }
              } else {
                validate56.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/type", keyword: "type", params: { type: "string" }, message: "must be string" }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.backends !== void 0) {
              let data1 = data.backends;
              const _errs4 = errors;
              if (errors === _errs4) {
                if (Array.isArray(data1)) {
                  if (data1.length > 32) {
                    validate56.errors = [{ instancePath: instancePath + "/backends", schemaPath: "#/properties/backends/maxItems", keyword: "maxItems", params: { limit: 32 }, message: "must NOT have more than 32 items" }];
                    return false;
                  } else {
                    if (data1.length < 1) {
                      validate56.errors = [{ instancePath: instancePath + "/backends", schemaPath: "#/properties/backends/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                      return false;
                    } else {
                      var valid1 = true;
                      const len0 = data1.length;
                      for (let i0 = 0; i0 < len0; i0++) {
                        const _errs6 = errors;
                        if (!validate57(data1[i0], { instancePath: instancePath + "/backends/" + i0, parentData: data1, parentDataProperty: i0, rootData })) {
                          vErrors = vErrors === null ? validate57.errors : vErrors.concat(validate57.errors);
                          errors = vErrors.length;
                        }
                        var valid1 = _errs6 === errors;
                        if (!valid1) {
                          break;
                        }
                      }
                      if (valid1) {
                        if (new Set(data1.map((item) => item?.["service"])).size !== data1.length) {
                          validate56.errors = [{ instancePath: instancePath + "/backends", schemaPath: "#/properties/backends/x-kubernetes-list-map-keys", keyword: "x-kubernetes-list-map-keys", params: {}, message: "must not have two items with the same key" }];
                          return false;
                        }
                      }
                    }
                  }
                } else {
                  validate56.errors = [{ instancePath: instancePath + "/backends", schemaPath: "#/properties/backends/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                  return false;
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.matches !== void 0) {
                let data3 = data.matches;
                const _errs7 = errors;
                if (errors === _errs7) {
                  if (Array.isArray(data3)) {
                    if (data3.length > 32) {
                      validate56.errors = [{ instancePath: instancePath + "/matches", schemaPath: "#/properties/matches/maxItems", keyword: "maxItems", params: { limit: 32 }, message: "must NOT have more than 32 items" }];
                      return false;
                    } else {
                      if (data3.length < 1) {
                        validate56.errors = [{ instancePath: instancePath + "/matches", schemaPath: "#/properties/matches/minItems", keyword: "minItems", params: { limit: 1 }, message: "must NOT have fewer than 1 items" }];
                        return false;
                      } else {
                        var valid2 = true;
                        const len1 = data3.length;
                        for (let i1 = 0; i1 < len1; i1++) {
                          const _errs9 = errors;
                          if (!validate59(data3[i1], { instancePath: instancePath + "/matches/" + i1, parentData: data3, parentDataProperty: i1, rootData })) {
                            vErrors = vErrors === null ? validate59.errors : vErrors.concat(validate59.errors);
                            errors = vErrors.length;
                          }
                          var valid2 = _errs9 === errors;
                          if (!valid2) {
                            break;
                          }
                        }
                      }
                    }
                  } else {
                    validate56.errors = [{ instancePath: instancePath + "/matches", schemaPath: "#/properties/matches/type", keyword: "type", params: { type: "array" }, message: "must be array" }];
                    return false;
                  }
                }
                var valid0 = _errs7 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.affinity !== void 0) {
                  const _errs10 = errors;
                  if (!validate65(data.affinity, { instancePath: instancePath + "/affinity", parentData: data, parentDataProperty: "affinity", rootData })) {
                    vErrors = vErrors === null ? validate65.errors : vErrors.concat(validate65.errors);
                    errors = vErrors.length;
                  }
                  var valid0 = _errs10 === errors;
                } else {
                  var valid0 = true;
                }
                if (valid0) {
                  if (data.mirror !== void 0) {
                    const _errs11 = errors;
                    if (!validate69(data.mirror, { instancePath: instancePath + "/mirror", parentData: data, parentDataProperty: "mirror", rootData })) {
                      vErrors = vErrors === null ? validate69.errors : vErrors.concat(validate69.errors);
                      errors = vErrors.length;
                    }
                    var valid0 = _errs11 === errors;
                  } else {
                    var valid0 = true;
                  }
                }
              }
            }
          }
        }
      }
    } else {
      validate56.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate56.errors = vErrors;
  return errors === 0;
}
function validate55(data, { instancePath = "", parentData, parentDataProperty, rootData = data } = {}) {
  let vErrors = null;
  let errors = 0;
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.spec === void 0 && (missing0 = "spec")) {
        validate55.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'" }];
        return false;
      } else {
        if (data.spec !== void 0) {
          if (!validate56(data.spec, { instancePath: instancePath + "/spec", parentData: data, parentDataProperty: "spec", rootData })) {
            vErrors = vErrors === null ? validate56.errors : vErrors.concat(validate56.errors);
            errors = vErrors.length;
          }
        }
      }
    } else {
      validate55.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object" }];
      return false;
    }
  }
  validate55.errors = vErrors;
  return errors === 0;
}
export {
  authorizationPolicy,
  meshTLS,
  trafficSplit
};
