package server

import (
	"container/list"
	"context"
	"sync"
)

// remembered keeps the values that were used last, up to a weight. Only what never
// changes under its key may be kept in one: git's objects by their ids. All methods
// may be used at the same time.
type remembered[K comparable, V any] struct {
	weigh func(V) int
	most  int // of all weights together; what takes a quarter of it is not kept

	mu     sync.Mutex
	kept   map[K]*list.Element // guarded by mu, as all below
	order  list.List           // of entry[K, V], what was used last in front
	weight int
	under  map[K]chan struct{} // what is being read, closed afterwards
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int
}

func newRemembered[K comparable, V any](most int, weigh func(V) int) *remembered[K, V] {
	return &remembered[K, V]{weigh: weigh, most: most, kept: map[K]*list.Element{}, under: map[K]chan struct{}{}}
}

// get returns what is kept under key, or reads it. Of many who want the same at once
// one reads, and where that fails each for itself.
func (r *remembered[K, V]) get(ctx context.Context, key K, read func() (V, error)) (V, error) {
	for {
		value, found, busy := r.find(key)
		if found {
			return value, nil
		}
		if busy == nil {
			break
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return value, ctx.Err()
		}
	}
	value, err := read()
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.under[key])
	delete(r.under, key)
	if err == nil {
		r.keep(key, value)
	}
	return value, err
}

// find gives the value, or a channel that is closed when somebody has read it, or
// neither: then it is on the caller to read it.
func (r *remembered[K, V]) find(key K) (value V, found bool, busy <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.kept[key]; e != nil {
		r.order.MoveToFront(e)
		return e.Value.(entry[K, V]).value, true, nil
	}
	if c, ok := r.under[key]; ok {
		return value, false, c
	}
	r.under[key] = make(chan struct{})
	return value, false, nil
}

// keep is called with mu held.
func (r *remembered[K, V]) keep(key K, value V) {
	weight := r.weigh(value)
	if weight > r.most/4 {
		return
	}
	r.kept[key] = r.order.PushFront(entry[K, V]{key, value, weight})
	for r.weight += weight; r.weight > r.most; {
		oldest := r.order.Remove(r.order.Back()).(entry[K, V])
		delete(r.kept, oldest.key)
		r.weight -= oldest.weight
	}
}
