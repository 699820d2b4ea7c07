{# The `k` largest of each row of `n` elements of `type` (f32 or i32), largest first, and where they stand; of equal ones
   the first wins, and a NaN is larger than any number, as in NumPy. An element is one 64-bit integer: its value, so
   mapped that integers are ordered like it, above its place, so inverted that the first of equals is the largest. A
   heap of the k largest so far, the smallest at its root, lies in scratch. lo..hi are rows. #}
{% import "macros.wat" as m with context %}
{# The key of the element at $i_p, place $i_i. -0 is 0, and all NaN are one. #}
{% macro key() %}
{% if type == "f32" %}
(local.set $f_x (f32.load @i_p))
(local.set $i_bits (i32.reinterpret_f32 (f32.add @f_x (f32.const 0))))
(local.set $i_bits (i32.xor @i_bits (i32.shr_u (i32.shr_s @i_bits #31) #1)))
(local.set $i_bits (select @i_bits #2147483647 (f32.eq @f_x @f_x)))
{% else %}
(local.set $i_bits (i32.load @i_p))
{% endif %}
(local.set $l_key (i64.or (i64.shl (i64.extend_i32_s @i_bits) (i64.const 32)) (i64.extend_i32_u (i32.xor @i_i #-1))))
{% endmacro %}
{# Lets $l_key sink from place $i_at of the heap of $i_size keys. #}
{% macro sink() %}
(block $E_sink (loop $L_sink
(local.set $i_child (i32.add (i32.shl @i_at #1) #1))
(br_if $E_sink (i32.ge_u @i_child @i_size))
(local.set $i_q (i32.add @scratch (i32.shl @i_child #3)))
(local.set $l_child (i64.load @i_q))
(if (i32.lt_u (i32.add @i_child #1) @i_size) (then
(local.set $l_other (i64.load offset=8 @i_q))
(if (i64.lt_s @l_other @l_child) (then
(local.set $l_child @l_other)
(local.set $i_child (i32.add @i_child #1))))))
(br_if $E_sink (i64.le_s @l_key @l_child))
(i64.store (i32.add @scratch (i32.shl @i_at #3)) @l_child)
(local.set $i_at @i_child)
(br $L_sink)))
(i64.store (i32.add @scratch (i32.shl @i_at #3)) @l_key)
{% endmacro %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_row (i32.add @x (i32.mul @i_u #{{ 4 * n }})))
(local.set $i_p @i_row)
(local.set $i_h @scratch)
{% call m.for("i", "#0", "#%d" % k) %}
{{ key() }}
(i64.store @i_h @l_key)
{{ m.bump("i_p", 4) }}
{{ m.bump("i_h", 8) }}
{% endcall %}
(local.set $i_size #{{ k }})
{% if k > 1 %}
{% call m.repeat("first", "#%d" % (k // 2)) %}
(local.set $i_at (i32.sub @i_first #1))
(local.set $l_key (i64.load (i32.add @scratch (i32.shl @i_at #3))))
{{ sink() }}
{% endcall %}
{% endif %}
{% if n > k %}
(local.set $l_root (i64.load @scratch))
{% call m.for("i", "#%d" % k, "#%d" % n) %}
{{ key() }}
(if (i64.gt_s @l_key @l_root) (then
(local.set $i_at #0)
{{ sink() }}
(local.set $l_root (i64.load @scratch))))
{{ m.bump("i_p", 4) }}
{% endcall %}
{% endif %}
{# The smallest leaves the heap for the last place that is free, until none is left. #}
(local.set $i_last #{{ k }})
(loop $L_last
(local.set $i_size (local.tee $i_last (i32.sub @i_last #1)))
(local.set $i_i (i32.xor (i32.wrap_i64 (i64.load @scratch)) #-1))
(local.set $i_to (i32.shl (i32.add (i32.mul @i_u #{{ k }}) @i_last) #2))
(i32.store (i32.add @c @i_to) (i32.load (i32.add @i_row (i32.shl @i_i #2))))
(i32.store (i32.add @places @i_to) @i_i)
(local.set $l_key (i64.load (i32.add @scratch (i32.shl @i_last #3))))
(local.set $i_at #0)
{{ sink() }}
(br_if $L_last @i_last))
{% endcall %}
