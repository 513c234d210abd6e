// Reads lines of JSON, {"e": expression, "k": kind of value, "v": value}, and answers each with a
// line: what the expression gives, as JSON with the type in front, or why it gives nothing.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"
)

type question struct {
	E string          `json:"e"`
	K string          `json:"k"`
	V json.RawMessage `json:"v"`
}

func value(q question) any {
	switch q.K {
	case "nan":
		return math.NaN()
	case "inf":
		return math.Inf(1)
	case "samples":
		var texts []string
		must(json.Unmarshal(q.V, &texts))
		samples := []float64{}
		for _, text := range texts {
			f, err := strconv.ParseFloat(text, 64)
			must(err)
			samples = append(samples, f)
		}
		return samples
	}
	var v any
	must(json.Unmarshal(q.V, &v))
	return v
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// What conditions find besides the language, as Argo Rollouts behaves.
func environment(result any) map[string]any {
	empty := func() bool {
		if result == nil {
			return true
		}
		r := reflect.ValueOf(result)
		return (r.Kind() == reflect.Map || r.Kind() == reflect.Slice) && r.IsNil()
	}
	number := func(in any) (reflect.Value, bool) {
		r := reflect.ValueOf(in)
		return r, r.IsValid() && r.Type().PkgPath() == "" && (r.CanInt() || r.CanFloat() || r.CanUint())
	}
	return map[string]any{
		"result": result,
		"isNaN":  math.IsNaN,
		"isInf":  func(f float64) bool { return math.IsInf(f, 0) },
		"isNil":  func(any) bool { return empty() },
		"default": func(_ any, other any) any {
			if empty() {
				return other
			}
			return result
		},
		"asInt": func(in any) int64 {
			if r, ok := number(in); ok {
				return r.Convert(reflect.TypeOf(int64(0))).Int()
			}
			i, err := strconv.ParseInt(in.(string), 10, 64)
			must(err)
			return i
		},
		"asFloat": func(in any) float64 {
			if r, ok := number(in); ok {
				return r.Convert(reflect.TypeOf(float64(0))).Float()
			}
			f, err := strconv.ParseFloat(in.(string), 64)
			must(err)
			return f
		},
	}
}

func show(v any) string {
	switch v := v.(type) {
	case time.Time:
		return "t" + fmt.Sprintf("%x", v.String())
	case time.Duration:
		return "d" + strconv.FormatInt(int64(v), 10)
	case time.Location:
		return "z" + (&v).String()
	case *time.Location:
		return "z" + v.String()
	}
	r := reflect.ValueOf(v)
	switch {
	case !r.IsValid():
		return "nil"
	case r.Kind() == reflect.Interface || r.Kind() == reflect.Pointer:
		return show(r.Elem().Interface())
	case r.CanInt():
		return "i" + strconv.FormatInt(r.Int(), 10)
	case r.CanUint():
		return "i" + strconv.FormatUint(r.Uint(), 10)
	case r.CanFloat() && math.IsNaN(r.Float()):
		return "fNaN"
	case r.CanFloat():
		return fmt.Sprintf("f%016x", math.Float64bits(r.Float()+0))
	case r.Kind() == reflect.Bool:
		return strconv.FormatBool(r.Bool())
	case r.Kind() == reflect.String:
		return "s" + fmt.Sprintf("%x", strings.ToValidUTF8(r.String(), "\uFFFD"))
	case r.Kind() == reflect.Slice || r.Kind() == reflect.Array:
		parts := make([]string, r.Len())
		for i := range parts {
			parts[i] = show(r.Index(i).Interface())
		}
		return "[" + strings.Join(parts, " ") + "]"
	case r.Kind() == reflect.Map:
		parts := make([]string, 0, r.Len())
		for _, key := range r.MapKeys() {
			parts = append(parts, show(key.Interface())+":"+show(r.MapIndex(key).Interface()))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, " ") + "}"
	}
	return "?" + r.Type().String()
}

func answer(q question) (out string) {
	defer func() {
		if p := recover(); p != nil {
			out = fmt.Sprintf("E panic: %v", p)
		}
	}()
	env := environment(value(q))
	program, err := expr.Compile(q.E, expr.Env(env))
	if err != nil {
		return "E compile: " + err.Error()
	}
	got, err := expr.Run(program, env)
	if err != nil {
		return "E run: " + err.Error()
	}
	return show(got)
}

func main() {
	// As in a container, whatever machine this is.
	time.Local = time.UTC
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var q question
		must(json.Unmarshal(in.Bytes(), &q))
		line, _ := json.Marshal(answer(q))
		fmt.Fprintln(out, string(line))
	}
	must(in.Err())
}
