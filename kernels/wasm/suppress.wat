{# Which boxes to keep, best first (non-maximum suppression), in float64 as in JavaScript. Candidates lie in a heap at
   `queue`, 16 bytes each: the score, the index, and how many boxes had been kept when it was last compared with them.
   Boxes that are kept lie at `kept` with ordered corners and area, 48 bytes each. With a `scale` below 0 overlap lowers
   a score, which then queues up again. All of it is one unit of work. #}
{% import "macros.wat" as m with context %}
{% set soft = scale < 0 %}

{# Whether the entry at address a comes before the one in $d_s, $i_n: a higher score, or a lower index. #}
{% macro before(a) -%}
(i32.or (f64.gt (f64.load {{ a }}) @d_s) (i32.and (f64.eq (f64.load {{ a }}) @d_s) (i32.lt_u (i32.load offset=8 {{ a }}) @i_n)))
{%- endmacro %}

{% macro take(a) %}
(local.set $d_s (f64.load {{ a }}))
(local.set $i_n (i32.load offset=8 {{ a }}))
(local.set $i_since (i32.load offset=12 {{ a }}))
{% endmacro %}

{% macro put(a) %}
(f64.store {{ a }} @d_s)
(i32.store offset=8 {{ a }} @i_n)
(i32.store offset=12 {{ a }} @i_since)
{% endmacro %}

{# Lets the entry in the locals sink from place $i_p of a heap of $i_len to where it belongs. #}
{% macro sink() %}
(block $E_sink (loop $L_sink
(local.set $i_child (i32.add (i32.shl @i_p #1) #1))
(br_if $E_sink (i32.ge_u @i_child @i_len))
(local.set $i_at (i32.add @queue (i32.shl @i_child #4)))
(if (i32.lt_u (i32.add @i_child #1) @i_len) (then
(if (i32.or (f64.gt (f64.load offset=16 @i_at) (f64.load @i_at)) (i32.and (f64.eq (f64.load offset=16 @i_at) (f64.load @i_at)) (i32.lt_u (i32.load offset=24 @i_at) (i32.load offset=8 @i_at))))
(then (local.set $i_child (i32.add @i_child #1)) (local.set $i_at (i32.add @i_at #16))))))
(br_if $E_sink (i32.eqz {{ before("@i_at") }}))
(local.set $i_to (i32.add @queue (i32.shl @i_p #4)))
(i64.store @i_to (i64.load @i_at))
(i64.store offset=8 @i_to (i64.load offset=8 @i_at))
(local.set $i_p @i_child)
(br $L_sink)))
(local.set $i_to (i32.add @queue (i32.shl @i_p #4)))
{{ put("@i_to") }}
{% endmacro %}

{# Lets the entry in the locals rise from place $i_p. #}
{% macro rise() %}
(block $E_rise (loop $L_rise
(br_if $E_rise (i32.eqz @i_p))
(local.set $i_child (i32.shr_u (i32.sub @i_p #1) #1))
(local.set $i_at (i32.add @queue (i32.shl @i_child #4)))
(br_if $E_rise {{ before("@i_at") }})
(local.set $i_to (i32.add @queue (i32.shl @i_p #4)))
(i64.store @i_to (i64.load @i_at))
(i64.store offset=8 @i_to (i64.load offset=8 @i_at))
(local.set $i_p @i_child)
(br $L_rise)))
(local.set $i_to (i32.add @queue (i32.shl @i_p #4)))
{{ put("@i_to") }}
{% endmacro %}

{# e to the power of $d_x <= 0, within 1 ulp: 2^k times a Taylor series of what is left, 2^k in two factors because one
   ends at 2^-1022. #}
{% macro exponential() %}
(local.set $d_x (f64.max @d_x (f64.const -800)))
(local.set $d_k (f64.nearest (f64.mul @d_x (f64.const 1.4426950408889634))))
(local.set $d_x (f64.sub (f64.sub @d_x (f64.mul @d_k (f64.const 0.693147180369123816490))) (f64.mul @d_k (f64.const 1.90821492927058770002e-10))))
(local.set $d_e (f64.const {{ 1 / 6227020800 }}))
{% for n in [479001600, 39916800, 3628800, 362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1] %}
(local.set $d_e (f64.add (f64.mul @d_e @d_x) (f64.const {{ 1 / n }})))
{% endfor %}
(local.set $i_k (i32.trunc_sat_f64_s @d_k))
{% for k in ["(i32.shr_s @i_k #1)", "(i32.sub @i_k (i32.shr_s @i_k #1))"] %}
(local.set $d_e (f64.mul @d_e (f64.reinterpret_i64 (i64.shl (i64.extend_i32_s (i32.add {{ k }} #1023)) (i64.const 52)))))
{% endfor %}
{% endmacro %}

{# The corners of a box: the lesser ones and the greater ones, as pairs (y, x) or one by one. #}
{% macro corners(at) %}
{% if L > 1 %}
(local.set $v_low (f64x2.promote_low_f32x4 (v128.load64_zero {{ at }})))
(local.set $v_high (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 {{ at }})))
(local.set $v_first (f64x2.pmin @v_low @v_high))
(local.set $v_last (f64x2.pmax @v_low @v_high))
(local.set $v_side (f64x2.sub @v_last @v_first))
(local.set $d_area {{ product() }})
{% else %}
{% for d, low, high in [("y", 0, 8), ("x", 4, 12)] %}
(local.set $d_a (f64.promote_f32 (f32.load offset={{ low }} {{ at }})))
(local.set $d_b (f64.promote_f32 (f32.load offset={{ high }} {{ at }})))
(local.set $d_{{ d }}1 (f64.min @d_a @d_b))
(local.set $d_{{ d }}2 (f64.max @d_a @d_b))
{% endfor %}
(local.set $d_area (f64.mul (f64.sub @d_y2 @d_y1) (f64.sub @d_x2 @d_x1)))
{% endif %}
{% endmacro %}

{% macro product() -%}
(f64.mul (f64x2.extract_lane 0 @v_side) (f64x2.extract_lane 1 @v_side))
{%- endmacro %}

{% macro side(d, offset) -%}
(f64.max (f64.sub (f64.min @d_{{ d }}2 (f64.load offset={{ offset + 16 }} @i_at)) (f64.max @d_{{ d }}1 (f64.load offset={{ offset }} @i_at))) (f64.const 0))
{%- endmacro %}

{# The area that the box has in common with the one kept at $i_at. #}
{% macro common() %}
{% if L > 1 %}
(local.set $v_side (f64x2.pmax (f64x2.sub (f64x2.pmin @v_last (v128.load offset=16 @i_at)) (f64x2.pmax @v_first (v128.load @i_at))) (v128.const f64x2 0 0)))
(local.set $d_inner {{ product() }})
{% else %}
(local.set $d_inner (f64.mul {{ side("y", 0) }} {{ side("x", 8) }}))
{% endif %}
{% endmacro %}

{# Keeps the box at $i_at; one without area, or of NaN, where it has nothing in common with any. #}
{% macro keep() %}
{% if L > 1 %}
(v128.store @i_at (select @v_first (v128.const f64x2 inf inf) @i_solid))
(v128.store offset=16 @i_at (select @v_last (v128.const f64x2 -inf -inf) @i_solid))
{% else %}
{% for v, at, nowhere in [("y1", 0, "inf"), ("x1", 8, "inf"), ("y2", 16, "-inf"), ("x2", 24, "-inf")] %}
(f64.store offset={{ at }} @i_at (select @d_{{ v }} (f64.const {{ nowhere }}) @i_solid))
{% endfor %}
{% endif %}
(f64.store offset=32 @i_at @d_area)
{% endmacro %}

{# 1. Candidates, put in order. #}
(local.set $i_since #0)
(local.set $i_len #0)
{% call m.for("n", "#0", "#%d" % boxes) %}
(local.set $d_s (f64.promote_f32 (f32.load (i32.add @scores (i32.shl @i_n #2)))))
(if (f64.gt @d_s (f64.const {{ threshold }})) (then
(local.set $i_to (i32.add @queue (i32.shl @i_len #4)))
{{ put("@i_to") }}
(local.set $i_len (i32.add @i_len #1))))
{% endcall %}
(local.set $i_root (i32.shr_u @i_len #1))
(block $E_order (loop $L_order
(br_if $E_order (i32.eqz @i_root))
(local.set $i_root (i32.sub @i_root #1))
(local.set $i_p @i_root)
(local.set $i_at (i32.add @queue (i32.shl @i_p #4)))
{{ take("@i_at") }}
{{ sink() }}
(br $L_order)))

{# 2. The best one, compared with what was kept since, latest first. #}
(local.set $i_count #0)
(block $E_best (loop $L_best
(br_if $E_best (i32.eqz @i_len))
(br_if $E_best (i32.ge_u @i_count #{{ most }}))
(local.set $d_score (f64.load @queue))
(local.set $d_before @d_score)
(local.set $i_index (i32.load offset=8 @queue))
(local.set $i_begin (i32.load offset=12 @queue))
(local.set $i_len (i32.sub @i_len #1))
(if @i_len (then
(local.set $i_p #0)
(local.set $i_at (i32.add @queue (i32.shl @i_len #4)))
{{ take("@i_at") }}
{{ sink() }}))
(local.set $i_at (i32.add @boxes (i32.shl @i_index #4)))
{{ corners("@i_at") }}
(local.set $i_solid (f64.gt @d_area (f64.const 0)))
{% if overlap == 0 %}
{# Every overlap is too much. #}
(if (i32.gt_u @i_count @i_begin) (then (local.set $d_score (f64.const -inf))))
{% else %}
(local.set $i_at (i32.add @kept (i32.mul @i_count #48)))
(local.set $i_end (i32.add @kept (i32.mul @i_begin #48)))
(block $E_compare
(br_if $E_compare (i32.eqz @i_solid))
(loop $L_compare
(br_if $E_compare (i32.le_u @i_at @i_end))
(local.set $i_at (i32.sub @i_at #48))
{{ common() }}
(br_if $L_compare (f64.eq @d_inner (f64.const 0)))
(local.set $d_overlap (f64.div @d_inner (f64.sub (f64.add @d_area (f64.load offset=32 @i_at)) @d_inner)))
{% if soft %}
(if (f64.ge @d_overlap (f64.const {{ overlap }})) (then
(local.set $d_score (f64.const -inf))
(br $E_compare)))
(local.set $d_x (f64.mul (f64.mul (f64.const {{ scale }}) @d_overlap) @d_overlap))
{{ exponential() }}
(local.set $d_score (f64.mul @d_score @d_e))
(br_if $E_compare (f64.le @d_score (f64.const {{ threshold }})))
{% else %}
{# Of infinite boxes the overlap is NaN; they go, too. #}
(if (i32.eqz (f64.lt @d_overlap (f64.const {{ overlap }}))) (then
(local.set $d_score (f64.const -inf))
(br $E_compare)))
{% endif %}
(br $L_compare)))
{% endif %}
(if (f64.eq @d_score @d_before) (then
(local.set $i_at (i32.add @kept (i32.mul @i_count #48)))
{{ keep() }}
(i32.store (i32.add @indices (i32.shl @i_count #2)) @i_index)
{% if scored %}
(f32.store (i32.add @kept_scores (i32.shl @i_count #2)) (f32.demote_f64 @d_score))
{% endif %}
(local.set $i_count (i32.add @i_count #1)))
{% if soft %}
(else (if (f64.gt @d_score (f64.const {{ threshold }})) (then
(local.set $d_s @d_score)
(local.set $i_n @i_index)
(local.set $i_since @i_count)
(local.set $i_p @i_len)
(local.set $i_len (i32.add @i_len #1))
{{ rise() }})))
{% endif %}
)
(br $L_best)))

{# 3. How many there are, and zeros behind them. #}
(i32.store @count @i_count)
{% call m.for("n", "@i_count", "#%d" % size) %}
(i32.store (i32.add @indices (i32.shl @i_n #2)) #0)
{% if scored %}
(i32.store (i32.add @kept_scores (i32.shl @i_n #2)) #0)
{% endif %}
{% endcall %}
