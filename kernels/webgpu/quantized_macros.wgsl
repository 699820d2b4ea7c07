{#- What the sources for int8 share: reading four bytes, and making four bytes. -#}

{#- Four bytes of ``a`` from byte ``first + 4 * k`` on. -#}
{%- macro load(aligned) -%}
fn load(first: u32, k: u32) -> u32 {
{% if aligned %}
  return a[first / 4u + k];
{% else %}
  let at = first / 4u + k;
  let shift = first % 4u * 8u;
  // A shift by 32 would be none; the second word is not needed then.
  return select((a[at] >> shift) | (a[at + 1u] << ((32u - shift) % 32u)), a[at], shift == 0u);
{% endif %}
}
{%- endmacro -%}

{#- From sums to activations, as ``tfjslab/ops/quantized.py`` defines it; what rounds the shift is in ``bias``. -#}
{%- macro requantize() -%}
fn requantize(sum: vec4<i32>, bias: vec4<i32>, multiplier: vec4<i32>) -> vec4<i32> {
  let short = clamp((sum + bias) >> vec4<u32>(s.shift), vec4<i32>(-32768), vec4<i32>(32767));
  let scaled = (short * multiplier + vec4<i32>(16384)) >> vec4<u32>(15u);
  return clamp(scaled + vec4<i32>(bitcast<i32>(s.out_zero)), vec4<i32>(0), vec4<i32>(127));
}
{{ pack() }}
{%- endmacro -%}

{#- Four integers of 0 to 127 as a word. -#}
{%- macro pack() -%}
fn pack(v: vec4<i32>) -> u32 {
  let bytes = vec4<u32>(v) << vec4<u32>(0u, 8u, 16u, 24u);
  return bytes.x | bytes.y | bytes.z | bytes.w;
}
{%- endmacro -%}
